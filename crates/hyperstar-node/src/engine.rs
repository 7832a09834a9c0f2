//! The engine: what all processes of a node share.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::apps::{self, HostCalls};
use crate::bindings;
use crate::cache::{Cache, CacheError};
use crate::check::{self, LoadError};
use crate::compile::Compiler;
use crate::component::{self, Component};
use crate::guest::Guest;
use crate::slices::{SlowLane, Ticker};
use crate::wasi;
use hyperstar_native::instance::Limits;

/// What an engine may use.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where compiled components are kept: a folder of the owner alone. None: they are compiled at each
    /// load.
    pub cache: Option<PathBuf>,
    /// What the cache may take; the longest unused go first.
    pub cache_bytes_max: u64,
    /// How many processes may live at once. Each reserves 4 GiB of addresses, which cost nothing.
    pub instances_max: u32,
    /// The most that the [`Limits`](crate::Limits) of a process may give it in memory.
    pub memory_bytes_max: usize,
    /// The most that the limits of a process may give it in one table.
    pub table_elements_max: usize,
    /// How deep calls may nest within a process.
    pub stack_bytes_max: usize,
    /// The largest component that is loaded.
    pub component_bytes_max: usize,
    /// How many components are compiled at once.
    pub compile_threads: usize,
    /// How many threads run what takes longer than a slice.
    pub slow_threads: usize,
}

impl Default for EngineConfig {
    /// No cache; 4,096 processes of at most 256 MiB; components of at most 64 MiB; half of the processors
    /// for compiling and half for what takes long.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cache: None,
            cache_bytes_max: 1 << 30,
            instances_max: 4_096,
            memory_bytes_max: 256 << 20,
            table_elements_max: 65_536,
            stack_bytes_max: 512 << 10,
            component_bytes_max: 64 << 20,
            compile_threads: processors.div_ceil(2),
            slow_threads: processors.div_ceil(2),
        }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The configuration cannot be, or the system gives too little for it.
    #[error("the WebAssembly engine does not start: {0}; a lower `instances_max` takes less")]
    Config(String),
    /// The system gives no thread.
    #[error("the system gives no thread")]
    Thread(#[source] std::io::Error),
    /// The folder of compiled components cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// How a component is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Its WASI imports are met by stubs that grant nothing. For components of other languages, whose
    /// runtimes import WASI whether they use it or not.
    pub stub_wasi: bool,
    /// Carries out its calls of other apps by their WIT, if it may call any.
    pub calls: Option<Arc<dyn HostCalls>>,
    /// What it may use while it describes itself.
    pub limits: Limits,
}

/// Compiles components and runs processes of them.
///
/// Guarantee: nothing that a component is or does stops the program, keeps a thread for longer than a
/// slice of 1 ms, or takes more than its limits.
///
/// Clones are the same engine. It ends with the last clone, program and process.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

/// Fields end in the order in which they stand: without the ticker no slice in the lane would end.
pub(crate) struct Shared {
    pub(crate) lane: SlowLane,
    pub(crate) ticker: Ticker,
    pub(crate) wasmtime: wasmtime::Engine,
    compiler: Compiler,
    cache: Option<Cache>,
    component_bytes_max: usize,
}

impl Engine {
    /// An engine with its threads.
    ///
    /// # Errors
    /// The configuration cannot be; the system refuses memory or threads; the cache's folder is not the
    /// owner's alone.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let wasmtime = wasmtime::Engine::new(&wasmtime_config(&config))
            .map_err(|error| EngineError::Config(format!("{error:#}")))?;
        let cache = config.cache.map(|folder| {
            let engine_hash = cache_key(&wasmtime);
            Cache::open(folder, engine_hash, config.cache_bytes_max)
        });
        let ticker = Ticker::start(wasmtime.clone()).map_err(EngineError::Thread)?;
        let shared = Shared {
            lane: SlowLane::start(config.slow_threads).map_err(EngineError::Thread)?,
            ticker,
            compiler: Compiler::new(wasmtime.clone(), config.compile_threads),
            wasmtime,
            cache: cache.transpose()?,
            component_bytes_max: config.component_bytes_max,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Makes a program of a component: checks it, compiles it or takes it from the cache, and asks it to
    /// describe itself.
    ///
    /// # Errors
    /// What is wrong with the component, and what to do.
    ///
    /// # Cancel safety
    /// Dropped, the compilation ends by itself and its result is dropped.
    pub async fn load(&self, bytes: &[u8], options: LoadOptions) -> Result<Component, LoadError> {
        let shared = &self.shared;
        check::size(bytes, shared.component_bytes_max)?;
        let content_hash: [u8; 32] = Sha256::digest(bytes).into();
        let cached = shared.cache.as_ref();
        let cached = cached.and_then(|cache| cache.get(&shared.wasmtime, &content_hash));
        let is_from_cache = cached.is_some();
        let compiled = match cached {
            Some(compiled) => compiled,
            None => {
                check::contents(bytes)?;
                let compiled = shared.compiler.compile(bytes.to_vec()).await?;
                if let Some(cache) = &shared.cache {
                    cache.put(&content_hash, &compiled);
                }
                compiled
            }
        };
        let mut linker = Linker::<Guest>::new(&shared.wasmtime);
        bindings::Process::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)
            .map_err(|error| LoadError::Interface(format!("{error:#}")))?;
        check::imports(&shared.wasmtime, &compiled, &options)?;
        if options.stub_wasi {
            wasi::link(&mut linker, &compiled, &shared.wasmtime)
                .map_err(|error| LoadError::Interface(format!("{error:#}")))?;
        }
        if let Some(calls) = &options.calls {
            apps::link(&mut linker, &compiled, &shared.wasmtime, calls)?;
        }
        let pre = linker.instantiate_pre(&compiled);
        let pre = pre.and_then(bindings::ProcessPre::new);
        let pre = pre.map_err(|error| LoadError::Interface(format!("{error:#}")))?;
        let (interface, assets) = component::describe(self, &pre, options.limits).await?;
        Ok(Component {
            engine: self.clone(),
            pre,
            interface: Arc::new(interface),
            assets: assets.into(),
            content_hash,
            is_from_cache,
        })
    }
}

fn wasmtime_config(config: &EngineConfig) -> Config {
    let instances = config.instances_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(2))
        .total_stacks(instances)
        .max_core_instances_per_component(128)
        .max_memories_per_component(4)
        .max_tables_per_component(16)
        .max_memory_size(config.memory_bytes_max)
        .table_elements(config.table_elements_max)
        .max_unused_warm_slots(64)
        .linear_memory_keep_resident(0)
        .table_keep_resident(0)
        .async_stack_keep_resident(0);
    let mut wasmtime = Config::new();
    wasmtime
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        // 4 GiB of addresses and a guard spare the check of each access.
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .memory_may_move(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(config.stack_bytes_max)
        // What the host does for a guest runs on the same stack.
        .async_stack_size(config.stack_bytes_max + (512 << 10))
        // A stack may have served another process before.
        .async_stack_zeroing(true)
        // What a process computes is to be the same on every machine.
        .wasm_relaxed_simd(false)
        .wasm_memory64(false);
    wasmtime
}

/// What compiled code depends on beside its source.
fn cache_key(engine: &wasmtime::Engine) -> [u8; 32] {
    struct Hasher(Sha256);
    impl std::hash::Hasher for Hasher {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        /// Never asked for: the whole digest is taken.
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Hasher(Sha256::new());
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
    hasher.0.finalize().into()
}
