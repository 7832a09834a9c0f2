//! A host with processes to ask.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use hyperstar::{Hub, NoRandomness, Platform};
use hyperstar_native::instance::Program;
use hyperstar_native::{Ask, Host, Options};
use hyperstar_node::{Engine, EngineConfig, LoadOptions};
use hyperstar_process::abi::{Origin, Response};
use hyperstar_store::Store;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

/// What the clock of [`fine_clock`] counts of a microsecond.
pub(crate) const TICKS_PER_US: u64 = 10;
/// The longest that a kernel allows, on whatever clock.
const TIMEOUT_MS: u64 = 86_400_000;

/// An executor as a node has one: a thread a processor.
pub(crate) fn executor() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().context("no threads to run on")
}

/// A platform whose clock counts tenths of microseconds where it should count milliseconds, so that processes
/// can time what they do. Deadlines come ten thousand times too early on it: allow what is asked for the most.
pub(crate) fn fine_clock() -> Platform {
    let began = Instant::now();
    let system = Platform::system();
    let random = move |bytes: &mut [u8]| {
        for part in bytes.chunks_mut(32) {
            let random: [u8; 32] = system.random().map_err(|_| NoRandomness)?;
            part.copy_from_slice(&random[..part.len()]);
        }
        Ok(())
    };
    Platform::new(random, move || {
        let ticks = began.elapsed().as_nanos() / u128::from(1_000 / TICKS_PER_US);
        u64::try_from(ticks).unwrap_or(u64::MAX)
    })
}

/// A host on a store in `directory`.
pub(crate) fn host(directory: &Path, platform: Platform) -> Result<Host> {
    let file = tempfile::Builder::new()
        .suffix(".redb")
        .tempfile_in(directory)?;
    let (_, path) = file.keep()?;
    // The store wants to make it itself.
    std::fs::remove_file(&path)?;
    let store = Store::open(path)?;
    Ok(Host::with("bench.os", &store, &Hub::new(), platform))
}

/// Compiles a component, or takes it from the cache in `directory`.
pub(crate) async fn load(directory: &Path, bytes: &[u8]) -> Result<Arc<dyn Program>> {
    let engine = engine(directory)?;
    Ok(Arc::new(engine.load(bytes, LoadOptions::default()).await?))
}

pub(crate) fn engine(directory: &Path) -> Result<Engine> {
    Ok(Engine::new(EngineConfig {
        cache: Some(directory.join("cache")),
        ..EngineConfig::default()
    })?)
}

/// The address of a process by its name.
pub(crate) fn address(name: &str) -> String {
    format!("{name}:bench:local")
}

/// Adds a process to a host, and starts it.
pub(crate) async fn run(host: &Host, name: &str, program: &Arc<dyn Program>) -> Result<()> {
    let name = address(name);
    host.add(&name, program.clone(), &Options::default())?;
    Ok(host.start_process(&name).await?)
}

/// Asks a process as its owner.
pub(crate) async fn ask(host: &Host, address: &str, handler: &str, body: &str) -> Result<Response> {
    let asked = host.ask(
        address,
        Ask {
            origin: Origin::Owner,
            handler: handler.to_owned(),
            body: body.as_bytes().to_vec(),
            timeout_ms: TIMEOUT_MS,
            key: None,
        },
    );
    let response = asked
        .await
        .with_context(|| format!("{handler} of {address}"))?;
    match response.status {
        200..300 => Ok(response),
        status => Err(anyhow!(
            "{handler} of {address} answered {status}: {}",
            String::from_utf8_lossy(&response.body)
        )),
    }
}

/// The same, with the answer read.
pub(crate) async fn ask_for<T: DeserializeOwned>(
    host: &Host,
    name: &str,
    handler: &str,
    arguments: serde_json::Value,
) -> Result<T> {
    let response = ask(host, &address(name), handler, &arguments.to_string()).await?;
    serde_json::from_slice(&response.body).with_context(|| {
        let answer = String::from_utf8_lossy(&response.body);
        format!("{handler} of {name} answered {answer}")
    })
}

pub(crate) fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
