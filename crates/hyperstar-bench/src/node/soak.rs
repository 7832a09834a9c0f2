//! `soak-node`: kills a node under load, again and again, and compares what it has kept with what it had
//! acknowledged.
//!
//! A node is started as a program of its own, is asked over real sockets, and is killed at a random moment, now
//! and then while it still starts. Then another one starts in the same folder, what was not acknowledged is sent
//! again where its sender may, and all of the round is read back. In the end all of all rounds is.

mod child;
mod client;
mod ledger;
mod work;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyperstar_node::{Control, Request};

use self::child::Running;
pub(crate) use self::child::{ChildOptions, child};
use self::client::{Client, Site};
use self::ledger::Ledger;
use super::apps;
use crate::figures::{median, ms, percentile};
use crate::random::Random;

/// Of so many apps one keeps nothing.
const BUSY_EACH: usize = 5;
/// Of so many kills one comes while the node starts.
const EARLY_EACH: usize = 8;
/// The longest load before a kill.
const LOAD_MS_MAX: usize = 300;
/// The latest that a node is killed while it starts.
const EARLY_MS_MAX: usize = 150;

/// How long it goes on.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// How often the node is killed
    #[arg(long, default_value_t = 1_000)]
    kills: u32,
    /// What chooses the moments and the messages
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many apps are installed
    #[arg(long, default_value_t = 100)]
    apps: usize,
    /// How soon a node is to serve all of them again
    #[arg(long, default_value_t = 2_000)]
    serves_ms: u32,
    /// Where the node's folder is; must be on a disk
    #[arg(long, default_value = "/var/tmp")]
    directory: PathBuf,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    early: u32,
    /// From the start of the program until the first app has answered, and until all have.
    first_ms: Vec<f64>,
    all_ms: Vec<f64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        options.apps >= 2,
        "`--apps {}` are too few to call each other; give at least 2",
        options.apps
    );
    super::hosted::executor()?.block_on(soak(options))
}

async fn soak(options: &Options) -> Result<()> {
    let began = Instant::now();
    let directory = tempfile::Builder::new()
        .prefix("hyperstar-soak-node-")
        .tempdir_in(&options.directory)?;
    let home = directory.path().join("home");
    let sites: Vec<Site> = (0..options.apps).map(site).collect();
    let mut random = Random::new(options.seed);
    let mut ledger = Ledger::new(&sites);
    let mut outcome = Outcome::default();
    let mut running = Running::start(&home)?;
    running.listens().await?;
    install(&home, directory.path(), &sites).await?;
    for round in 1..=options.kills {
        let load_for = Duration::from_millis(random.below(LOAD_MS_MAX) as u64);
        let context = || format!("round {round} of seed {}", options.seed);
        let work = work::Work {
            client: Client::to(running.address()),
            home: &home,
            sites: &sites,
            round,
            seed: random.next(),
        };
        let sent = work.until(load_for, || running.kill()).await;
        ledger.note(sent.with_context(context)?);
        if random.below(EARLY_EACH) == 0 {
            outcome.early += 1;
            let mut early = Running::start(&home)?;
            let wait = Duration::from_millis(random.below(EARLY_MS_MAX) as u64);
            tokio::time::sleep(wait).await;
            early.kill()?;
        }
        let started = Instant::now();
        running = Running::start(&home)?;
        running.listens().await.with_context(context)?;
        let client = Client::to(running.address());
        for (place, site) in sites.iter().enumerate() {
            client.greet(site).await.with_context(context)?;
            if place == 0 {
                outcome.first_ms.push(ms(started.elapsed()));
            }
        }
        outcome.all_ms.push(ms(started.elapsed()));
        ledger.settle(&client).await.with_context(context)?;
        ledger.check(&client, round).await.with_context(context)?;
    }
    let client = Client::to(running.address());
    ledger.check(&client, 0).await.context("in the end")?;
    running.kill()?;
    outcome.print(options, &ledger, began.elapsed())
}

impl Outcome {
    fn print(&self, options: &Options, ledger: &Ledger, took: Duration) -> Result<()> {
        let counts = ledger.counts();
        println!(
            "node: {} kills ({} more while it started), {} apps, seed {}: {} messages acknowledged, {} of them sent again, {} never acknowledged; none is lost, none was applied twice",
            options.kills,
            self.early,
            options.apps,
            options.seed,
            counts.acknowledged,
            counts.again,
            counts.unknown,
        );
        let serves_ms = percentile(&self.all_ms, 100.0);
        println!(
            "node: served again after {:.0} ms (p50; max {:.0}), all {} apps after {:.0} ms (p50; max {serves_ms:.0}); {} s in all",
            median(&self.first_ms),
            percentile(&self.first_ms, 100.0),
            options.apps,
            median(&self.all_ms),
            took.as_secs(),
        );
        ensure!(
            counts.acknowledged > u64::from(options.kills),
            "hardly anything was acknowledged, so hardly anything was tested"
        );
        ensure!(
            serves_ms <= f64::from(options.serves_ms),
            "a node took {serves_ms:.0} ms to serve all apps again; {} are allowed",
            options.serves_ms
        );
        Ok(())
    }
}

/// The app of this number.
fn site(number: usize) -> Site {
    let keeps = number % BUSY_EACH != BUSY_EACH - 1;
    Site::new(number, keeps)
}

/// Installs all apps, as the command line does.
async fn install(home: &Path, directory: &Path, sites: &[Site]) -> Result<()> {
    let components = [directory.join("busy.wasm"), directory.join("kept.wasm")];
    std::fs::write(&components[0], apps::component("busy")?)?;
    std::fs::write(&components[1], apps::component("kept")?)?;
    let requests: Vec<Request> = sites
        .iter()
        .map(|site| Request::Install {
            name: site.name.clone(),
            component: components[usize::from(site.keeps)].clone(),
            stub_wasi: false,
            stopped: false,
        })
        .collect();
    let home = home.to_owned();
    let installing = tokio::task::spawn_blocking(move || {
        let mut control = Control::connect(&home)?;
        for request in &requests {
            control
                .ask(request)?
                .try_for_each(|update| update.map(drop))?;
        }
        anyhow::Ok(())
    });
    installing.await?.context("the apps cannot be installed")
}
