//! The load on a node that is going to be killed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use hyperstar_node::{Control, Request, Update};
use serde_json::json;
use tokio::task::JoinSet;

use super::client::{Client, Site};
use crate::random::Random;

/// Who asks over the socket for browsers, and over the one for the command line.
const BROWSERS: u64 = 6;
const COMMANDS: u64 = 2;

/// Something that was sent, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) what: What,
    /// Which app was asked.
    pub(crate) to: usize,
    /// The number that it is to mark.
    pub(crate) number: u64,
    pub(crate) is_acknowledged: bool,
}

/// What an app was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// To mark the number, under a key.
    Mark,
    /// The same without a key, so that it cannot be sent again.
    Inject,
    /// To mark it, and to tell another app, under a key.
    Tell(usize),
    /// To have another app mark it and then to mark it itself, without a key.
    Ask(usize),
}

/// A load.
pub(crate) struct Work<'a> {
    pub(crate) client: Client,
    pub(crate) home: &'a Path,
    pub(crate) sites: &'a [Site],
    pub(crate) round: u32,
    pub(crate) seed: u64,
}

/// Numbers of a round begin here.
pub(crate) fn first_number(round: u32) -> u64 {
    u64::from(round) << 32
}

/// The path and the arguments that ask for it.
pub(crate) async fn send(client: &Client, sites: &[Site], sent: &Sent) -> Result<u16> {
    let number = sent.number;
    let key = number.to_string();
    let site = &sites[sent.to];
    let answer = match sent.what {
        What::Mark | What::Inject => {
            let body = json!({ "number": number });
            client.post(site, "/api/mark", Some(&key), &body).await?
        }
        What::Tell(other) => {
            let body = json!({ "number": number, "to": sites[other].name });
            client.post(site, "/api/tell", Some(&key), &body).await?
        }
        What::Ask(other) => {
            let body = json!({ "number": number, "to": sites[other].name });
            client.post(site, "/api/ask", None, &body).await?
        }
    };
    Ok(answer.status)
}

impl Work<'_> {
    /// Asks for so long, ends the node, and returns what was sent.
    pub(crate) async fn until(
        self,
        load_for: Duration,
        kill: impl FnOnce() -> Result<()>,
    ) -> Result<Vec<Sent>> {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let sites: Arc<[Site]> = self.sites.into();
        for worker in 0..BROWSERS + COMMANDS {
            let source = Source::new(&self, worker, sites.clone());
            let (client, is_over) = (self.client, is_over.clone());
            if worker < BROWSERS {
                tasks.spawn(browse(client, source, is_over));
            } else {
                let home = self.home.to_owned();
                tasks.spawn_blocking(move || command(&home, source, &is_over));
            }
        }
        tokio::time::sleep(load_for).await;
        kill()?;
        is_over.store(true, Ordering::Relaxed);
        Ok(tasks.join_all().await.into_iter().flatten().collect())
    }
}

/// Messages with numbers that no other source has.
struct Source {
    random: Random,
    next: u64,
    sites: Arc<[Site]>,
    kept: Vec<usize>,
}

impl Source {
    fn new(work: &Work<'_>, worker: u64, sites: Arc<[Site]>) -> Self {
        let kept = sites.iter().enumerate().filter(|(_, site)| site.keeps);
        Self {
            random: Random::new(work.seed ^ worker << 48),
            next: first_number(work.round) + (worker << 24),
            kept: kept.map(|(place, _)| place).collect(),
            sites,
        }
    }

    fn next(&mut self, is_browser: bool) -> Sent {
        let to = self.kept[self.random.below(self.kept.len())];
        let other = self.kept[self.random.below(self.kept.len())];
        let what = match self.random.below(4) {
            _ if !is_browser => What::Inject,
            // Nobody asks itself.
            0 if to != other => What::Tell(other),
            1 if to != other => What::Ask(other),
            _ => What::Mark,
        };
        self.next += 1;
        Sent {
            what,
            to,
            number: self.next,
            is_acknowledged: false,
        }
    }
}

async fn browse(client: Client, mut source: Source, is_over: Arc<AtomicBool>) -> Vec<Sent> {
    let mut all = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let mut sent = source.next(true);
        let status = send(&client, &source.sites, &sent).await;
        sent.is_acknowledged = matches!(status, Ok(200));
        let is_gone = status.is_err();
        all.push(sent);
        if is_gone {
            break;
        }
    }
    all
}

fn command(home: &Path, mut source: Source, is_over: &AtomicBool) -> Vec<Sent> {
    let mut all = Vec::new();
    let Ok(mut control) = Control::connect(home) else {
        return all;
    };
    while !is_over.load(Ordering::Relaxed) {
        let mut sent = source.next(false);
        let request = Request::Inject {
            name: source.sites[sent.to].name.clone(),
            handler: "mark".to_owned(),
            body: json!({ "number": sent.number }),
            timeout_ms: 20_000,
        };
        let mut is_answered = false;
        let asked = control.ask(&request).and_then(|mut updates| {
            updates.try_for_each(|update| {
                is_answered |= matches!(update?, Update::Answer { status: 200, .. });
                Ok(())
            })
        });
        sent.is_acknowledged = is_answered && asked.is_ok();
        all.push(sent);
        if asked.is_err() {
            break;
        }
    }
    all
}
