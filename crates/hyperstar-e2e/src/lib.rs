//! Hyperstar in a real browser.
//!
//! The harness drives a real Chromium, headless, over its DevTools protocol; starts, kills and
//! restarts the server under test; and stands between the two as a network that fails. It needs a
//! Unix. A test reads like what a person does:
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use hyperstar_e2e::{Chrome, Server, SECOND, build_binary};
//!
//! let gallery = Server::new(build_binary("gallery").await?)?;
//! let mut gallery = gallery.ports("HYPERSTAR_PORT", 6)?;
//! gallery.start().await?;
//! let chrome = Chrome::launch().await?;
//! let (alice, bob) = (chrome.user().await?.tab().await?, chrome.user().await?.tab().await?);
//! alice.open(&gallery.url("/")).await?;
//! bob.open(&gallery.url("/")).await?;
//! alice.click("button.increment").await?;
//! bob.wait_for_text("output", "1").await?;
//! gallery.kill_9().await?;
//! gallery.start().await?;
//! bob.wait_for("!document.querySelector('.offline')", 5 * SECOND, "Bob is back").await?;
//! bob.assert_clean()?;
//! # Ok(())
//! # }
//! ```
//!
//! What it promises: nothing waits without a deadline and nothing sleeps for a fixed time; a
//! failed wait says what the page showed, what its console said, and where a screenshot lies
//! (`target/e2e-shots`); nothing that it starts survives it; the browser reaches loopback only. A
//! missing browser is a failure, never a skipped test.
//!
//! # Design
//! The driver is our own, some 200 lines over a pipe ([`Cdp`]), where `chromiumoxide` would have
//! been the obvious crate. It works with today's Chromium, but compiles 60,000 generated lines
//! (three minutes of CI for check and build on two cores), types ASCII only, and adds navigation
//! and target logic of its own between a test and the protocol; of that protocol we need some
//! thirty calls. Over the pipe there is no port to race for, and Chromium exits by itself when the
//! test process is gone, however it ended.

mod cdp;
mod chrome;
mod firefox;
mod flaky;
mod keys;
mod log;
mod port;
mod process;
mod server;
mod tab;
mod wait;

pub use cdp::Cdp;
pub use chrome::{Chrome, User};
pub use firefox::Firefox;
pub use flaky::{FlakyProxy, Mode};
pub use port::free_ports;
pub use server::{Server, build_binary};
pub use tab::{Answer, Cookie, Focus, Tab};
pub use wait::{SECOND, wait_until};
