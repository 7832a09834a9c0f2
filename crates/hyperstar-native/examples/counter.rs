//! A whole app in one file: `cargo run -p hyperstar-native --example counter`, then open
//! <http://127.0.0.1:8080> twice.

use std::sync::Arc;

use hyperstar::Server;
use hyperstar_native::{Host, Native, Options};
use hyperstar_process::{State, action, hyperapp};
use hyperstar_store::Store;
use maud::{Markup, html};

#[derive(Default, State)]
struct Counter {
    count: i64,
    #[state(skip)]
    watching: usize,
}

#[hyperapp(name = "Counter", icon = "🔢")]
impl Counter {
    #[view("/")]
    fn page(&self) -> Markup {
        html! {
            h1 { (self.count) }
            button data-on:click=(action("increment")) { "+1" }
            p { (self.watching.max(1)) " watching" }
        }
    }

    /// One more.
    #[action]
    #[local]
    fn increment(&mut self) {
        self.count += 1;
    }

    #[http(GET, "/api/count")]
    fn count(&self) -> i64 {
        self.count
    }

    #[join]
    fn join(&mut self) {
        self.watching += 1;
    }

    #[leave]
    fn leave(&mut self) {
        self.watching = self.watching.saturating_sub(1);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `Store::open(file)` keeps it over restarts.
    let host = Host::new("my.os", &Store::memory());
    let name = "counter:counter:local";
    host.add(
        name,
        Arc::new(Native::<Counter>::new()),
        &Options::default(),
    )?;
    host.start_process(name).await?;
    let server = Server::bind("127.0.0.1:8080").await?;
    println!("http://{}", server.local_addr()?);
    host.hang_up_when(server.draining());
    server.serve(host.app(name)?).await?;
    host.stop().await;
    Ok(())
}
