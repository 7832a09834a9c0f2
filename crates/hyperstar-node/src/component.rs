//! A compiled component: a program that processes are made of.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hyperstar_interface::Interface;
use hyperstar_process::abi::{Start, Turn};
use hyperstar_process::sys::Level;

use crate::bindings::ProcessPre;
use crate::check::LoadError;
use crate::engine::Engine;
use crate::guest::Guest;
use crate::instance::{BoxFuture, Crash, HostSys, Instance, Limits, Program};
use crate::process::{self, Process};

/// A description is read whole.
const DESCRIPTION_BYTES_MAX: usize = 1 << 20;

/// A compiled component. Clones share the code.
#[derive(Clone)]
pub struct Component {
    engine: Engine,
    pre: ProcessPre<Guest>,
    interface: Arc<Interface>,
    content_hash: [u8; 32],
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Component")
            .field(&self.interface.name)
            .finish()
    }
}

impl Component {
    /// Asks the component what it is. It runs for that like any process, with nothing to reach.
    pub(crate) async fn describe(
        engine: Engine,
        pre: ProcessPre<Guest>,
        content_hash: [u8; 32],
    ) -> Result<Self, LoadError> {
        let limits = Limits {
            turn_bytes_max: DESCRIPTION_BYTES_MAX,
            ..Limits::default()
        };
        let store = process::store(&engine, Arc::new(Nothing), limits);
        let text = process::describe(&engine, store, pre.clone()).await;
        let text = text.map_err(|crash| LoadError::Describe(crash.to_string()))?;
        let interface = serde_json::from_str::<Interface>(&text);
        let interface = interface.map_err(|error| LoadError::Describe(error.to_string()))?;
        Ok(Self {
            engine,
            pre,
            interface: Arc::new(interface),
            content_hash,
        })
    }

    /// SHA-256 of the component's bytes.
    pub fn content_hash(&self) -> [u8; 32] {
        self.content_hash
    }
}

impl Program for Component {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn start<'a>(
        &'a self,
        start: Start,
        sys: Arc<dyn HostSys>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<(Box<dyn Instance>, Turn), Crash>> {
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

    fn random(&self, _bytes: &mut [u8]) {}

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
