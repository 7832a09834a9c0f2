//! A compiled component: a program that processes are made of.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hyperstar_interface::Interface;
use hyperstar_process::abi::{Asset, Start};
use hyperstar_process::sys::Level;

use crate::bindings::ProcessPre;
use crate::check::LoadError;
use crate::engine::Engine;
use crate::guest::Guest;
use crate::process::{self, Process};
use hyperstar_native::instance::{BoxFuture, HostSys, Instance, Limits, Program, Started};

/// A description is read whole, and so are the files of the pages.
const DESCRIPTION_BYTES_MAX: usize = 32 << 20;
/// The description alone. It is gone through wherever somebody looks at the node.
const TEXT_BYTES_MAX: usize = 1 << 20;
const VIEWS_MAX: usize = 256;
const HANDLERS_MAX: usize = 1_000;
const TYPES_MAX: usize = 1_000;
const FILES_MAX: usize = 1_000;

/// A compiled component. Clones share the code.
#[derive(Clone)]
pub struct Component {
    pub(crate) engine: Engine,
    pub(crate) pre: ProcessPre<Guest>,
    pub(crate) interface: Arc<Interface>,
    pub(crate) assets: Arc<[Asset]>,
    pub(crate) content_hash: [u8; 32],
    pub(crate) is_from_cache: bool,
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Component")
            .field(&self.interface.name)
            .finish()
    }
}

impl Component {
    /// SHA-256 of the component's bytes.
    pub fn content_hash(&self) -> [u8; 32] {
        self.content_hash
    }

    /// Whether it was compiled by an earlier load.
    pub fn is_from_cache(&self) -> bool {
        self.is_from_cache
    }
}

/// Asks a component what it is. It runs for that like any process, with nothing to reach.
pub(crate) async fn describe(
    engine: &Engine,
    pre: &ProcessPre<Guest>,
    limits: Limits,
) -> Result<(Interface, Vec<Asset>), LoadError> {
    let limits = Limits {
        turn_bytes_max: DESCRIPTION_BYTES_MAX,
        ..limits
    };
    let store = process::store(engine, Arc::new(Nothing), limits);
    let described = process::describe(engine, store, pre.clone()).await;
    let (text, assets) = described.map_err(|crash| LoadError::Describe(crash.to_string()))?;
    let at_most = |what: &str, count: usize, most: usize| match count <= most {
        true => Ok(()),
        false => Err(LoadError::Describe(format!(
            "it has {count} {what}, and an app may have {most}"
        ))),
    };
    at_most("bytes of description", text.len(), TEXT_BYTES_MAX)?;
    let interface: Interface =
        serde_json::from_str(&text).map_err(|error| LoadError::Describe(error.to_string()))?;
    at_most("views", interface.views.len(), VIEWS_MAX)?;
    at_most("handlers", interface.handlers.len(), HANDLERS_MAX)?;
    at_most("types", interface.types.len(), TYPES_MAX)?;
    at_most("files", assets.len(), FILES_MAX)?;
    Ok((interface, assets))
}

impl Program for Component {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn assets(&self) -> &[Asset] {
        &self.assets
    }

    fn start<'a>(
        &'a self,
        start: Start,
        sys: Arc<dyn HostSys>,
        limits: Limits,
    ) -> BoxFuture<'a, Started> {
        Box::pin(async move {
            let pre = self.pre.clone();
            let store = process::store(&self.engine, sys, limits);
            let (process, turn) = Process::start(self.engine.clone(), store, pre, start).await?;
            let process: Box<dyn Instance> = Box::new(process);
            Ok((process, turn))
        })
    }
}

/// What a component reaches while it describes itself.
struct Nothing;

impl HostSys for Nothing {
    fn now_ms(&self) -> u64 {
        0
    }

    fn random(&self, _bytes: &mut [u8]) -> Result<(), String> {
        Ok(())
    }

    fn log(&self, level: Level, text: &str) {
        tracing::debug!(?level, text, "a component describes itself");
    }

    fn get(&self, _path: &str) -> Result<Option<Bytes>, String> {
        Ok(None)
    }

    fn scan(
        &self,
        _at_or_after: &str,
        _before: &str,
        _most: u32,
        _back: bool,
    ) -> Result<Vec<(String, Bytes)>, String> {
        Ok(Vec::new())
    }

    fn count(&self, _prefix: &str) -> Result<u64, String> {
        Ok(0)
    }
}
