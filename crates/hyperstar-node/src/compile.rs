//! Compilation, on a few low-priority threads of its own.

use std::sync::Arc;
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use crate::check::LoadError;
use crate::slices;

/// Compiles components. Who comes while all threads compile waits.
pub(crate) struct Compiler {
    engine: wasmtime::Engine,
    free: Arc<Semaphore>,
}

impl Compiler {
    pub(crate) fn new(engine: wasmtime::Engine, threads: usize) -> Self {
        Self {
            engine,
            free: Arc::new(Semaphore::new(threads.max(1))),
        }
    }

    /// # Cancel safety
    /// Dropped before it began, nothing is compiled; later, the thread ends its work, which counts as
    /// compiling until then.
    pub(crate) async fn compile(
        &self,
        bytes: Vec<u8>,
    ) -> Result<wasmtime::component::Component, LoadError> {
        let permit = self.free.clone().acquire_owned().await;
        let permit = permit.map_err(|_| LoadError::Compiler("it has ended".into()))?;
        let engine = self.engine.clone();
        let (done, outcome) = oneshot::channel();
        let thread = thread::Builder::new().name("hyperstar-compile".into());
        let spawned = thread.spawn(move || {
            slices::lower_priority();
            let compiled = wasmtime::component::Component::new(&engine, &bytes);
            drop(permit);
            // Whoever waited may have left.
            let _ = done.send(compiled);
        });
        spawned.map_err(|error| LoadError::Compiler(error.to_string()))?;
        match outcome.await {
            Ok(compiled) => compiled.map_err(|error| LoadError::Invalid(format!("{error:#}"))),
            // The thread panicked and its hook told.
            Err(_) => Err(LoadError::Compiler("it failed on this component".into())),
        }
    }
}
