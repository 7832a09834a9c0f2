//! An app that keeps nothing: what is measured is the way to it, and what it does to others.

use std::hint::black_box;

use hyperstar_process::{Address, CallError, Cx, State, action, hyperapp, join_all, now_ms};
use maud::{Markup, html};

/// Longer than a benchmark takes, whatever the clock counts.
const TIMEOUT_MS: u64 = 60_000_000;
/// The calls that a flood has in flight.
const FLOOD: usize = 64;
/// The memory that is taken and given back again and again.
const EATEN_BYTES: usize = 8 << 20;
/// The rows of the page.
const ROWS: u64 = 40;

/// Adds up, calls others, and takes what it can get.
#[derive(Default, State)]
pub struct Busy {
    count: i64,
}

#[hyperapp(name = "Busy", save = Never)]
impl Busy {
    #[view("/")]
    fn page(&self) -> Markup {
        html! {
            h1 { "Stock" }
            p #count { (self.count) " moved" }
            table {
                @for row in 0..ROWS {
                    tr id=(format!("row-{row}")) class=(if row % 2 == 0 { "even" } else { "odd" }) {
                        td { "Shelf " (row) }
                        td.name { "Tea & cake no. " (row * 7) }
                        td { (row * 131 % 97) " g" }
                        td { button data-on:click=(action("add").arg("by", row as i64)) { "move" } }
                    }
                }
            }
        }
    }

    /// The tiny message.
    #[action]
    #[local]
    #[public]
    fn add(&mut self, by: i64) -> i64 {
        self.count += by;
        self.count
    }

    /// How long each of so many calls of another one takes, in what the host's clock counts.
    #[local]
    async fn call(cx: Cx<Self>, to: Address, times: u32) -> Result<Vec<u64>, CallError> {
        let client = BusyClient::at(&cx, &to).timeout_ms(TIMEOUT_MS);
        let mut took = Vec::new();
        for _ in 0..times {
            let began = now_ms();
            client.add(1).await?;
            took.push(now_ms() - began);
        }
        Ok(took)
    }

    /// Computes for so long, in what the host's clock counts.
    #[local]
    fn spin(&mut self, ticks: u64) -> u64 {
        let until = now_ms() + ticks;
        let mut turns = 0;
        while now_ms() < until {
            for turn in 0..10_000 {
                turns += black_box(turn) % 2;
            }
        }
        turns
    }

    /// Takes memory, touches it, and gives it back, again and again.
    #[local]
    fn eat(&mut self, ticks: u64) -> u64 {
        let until = now_ms() + ticks;
        let mut bytes = 0;
        while now_ms() < until {
            let eaten = black_box(vec![1_u8; EATEN_BYTES]);
            bytes += eaten.len() as u64;
        }
        bytes
    }

    /// Calls another one as often as it can.
    #[local]
    async fn flood(cx: Cx<Self>, to: Address, ticks: u64) -> Result<u64, CallError> {
        let until = now_ms() + ticks;
        let client = BusyClient::at(&cx, &to).timeout_ms(TIMEOUT_MS);
        let mut calls = 0;
        while now_ms() < until {
            for answer in join_all((0..FLOOD).map(|_| client.add(1))).await {
                answer?;
                calls += 1;
            }
        }
        Ok(calls)
    }
}
