//! What belongs to one instance beside its memory: its limits, what it has used of them, and the `sys`
//! that it reaches.

use std::fmt;
use std::sync::Arc;

use hyperstar_process::sys::Level;
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::bindings::hyperstar::process::{sys, types};
use crate::slices::Meter;
use hyperstar_native::instance::{HostSys, Limits};

/// The bytes of randomness that one call gives at most.
const RANDOM_BYTES_MAX: u32 = 4_096;
/// How much of the last error that it logged is told with its crash.
const LAST_WORDS_BYTES_MAX: usize = 1_024;
/// Memories, tables and core instances of one component instance.
const MEMORIES_MAX: usize = 4;
const TABLES_MAX: usize = 16;
const CORE_INSTANCES_MAX: usize = 128;

/// The data of a store.
pub(crate) struct Guest {
    pub(crate) limits: Limits,
    pub(crate) memory_bytes: usize,
    pub(crate) table_elements: usize,
    /// The last error that it logged in this turn: a panic's message, mostly.
    pub(crate) last_words: Option<String>,
    pub(crate) budget_ms: u64,
    pub(crate) meter: Arc<Meter>,
    /// Its address: none while it only describes itself.
    process: Option<Arc<str>>,
    may_call: bool,
    sys: Arc<dyn HostSys>,
    log_bytes_left: usize,
    log_is_cut: bool,
}

/// Why the host stopped a guest: travels as wasmtime's error, and is found in it again.
#[derive(Debug)]
pub(crate) enum Stop {
    OutOfTime,
    OutOfMemory,
    OutOfTable,
    /// It did what it may not.
    Forbidden(String),
    /// The host failed it.
    Host(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::OutOfTime => f.write_str("out of time"),
            Stop::OutOfMemory => f.write_str("out of memory"),
            Stop::OutOfTable => f.write_str("out of table elements"),
            Stop::Forbidden(text) | Stop::Host(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Stop {}

impl Guest {
    pub(crate) fn new(sys: Arc<dyn HostSys>, limits: Limits) -> Self {
        Self {
            log_bytes_left: limits.log_bytes_per_turn_max,
            limits,
            memory_bytes: 0,
            table_elements: 0,
            last_words: None,
            budget_ms: 0,
            meter: Arc::default(),
            process: None,
            may_call: false,
            sys,
            log_is_cut: false,
        }
    }

    /// Its first call comes.
    pub(crate) fn name(&mut self, process: &str) {
        self.process = Some(process.into());
    }

    /// Who calls another process.
    pub(crate) fn caller(&self) -> Result<Arc<str>, Stop> {
        let process = self.process.clone().filter(|_| self.may_call);
        process.ok_or_else(|| {
            let why = "it called another process while it described itself or rendered a page, which \
                       may change nothing; call in a turn";
            Stop::Forbidden(why.to_owned())
        })
    }

    /// Before each call into the guest.
    pub(crate) fn begin(&mut self, budget_ms: u64, may_call: bool) {
        self.may_call = may_call;
        self.budget_ms = budget_ms;
        self.meter.reset();
        self.log_bytes_left = self.limits.log_bytes_per_turn_max;
        self.log_is_cut = false;
        self.last_words = None;
    }

    /// At the end of each slice of processor time.
    pub(crate) fn at_deadline(cx: StoreContextMut<'_, Self>) -> wasmtime::Result<UpdateDeadline> {
        let guest = cx.data();
        if guest.meter.spent_ms() >= guest.budget_ms {
            return Err(Stop::OutOfTime.into());
        }
        guest.meter.end_slice();
        Ok(UpdateDeadline::Yield(crate::slices::SLICE_TICKS))
    }

    pub(crate) fn write_log(&mut self, level: Level, text: &str) {
        if level == Level::Error {
            self.last_words = Some(cut(text, LAST_WORDS_BYTES_MAX).to_owned());
        }
        if self.log_is_cut {
            return;
        }
        let shown = cut(text, self.log_bytes_left);
        // An empty line costs too.
        self.log_bytes_left = self.log_bytes_left.saturating_sub(shown.len().max(16));
        self.sys.log(level, shown);
        if shown.len() < text.len() || self.log_bytes_left == 0 {
            self.log_is_cut = true;
            let most = self.limits.log_bytes_per_turn_max;
            let text = format!("the rest of this turn's log is left out: it is over {most} bytes");
            self.sys.log(Level::Warn, &text);
        }
    }
}

impl Guest {
    pub(crate) fn now_ms(&self) -> u64 {
        self.sys.now_ms()
    }

    /// Any number of bytes, a few at a time.
    pub(crate) fn fill_random(&self, bytes: &mut [u8]) -> Result<(), Stop> {
        let mut parts = bytes.chunks_mut(RANDOM_BYTES_MAX as usize);
        parts.try_for_each(|part| self.sys.random(part).map_err(Stop::Host))
    }

    /// What a runtime of another language writes to its standard streams.
    pub(crate) fn write_output(&mut self, is_error: bool, bytes: &[u8]) {
        let level = if is_error { Level::Error } else { Level::Info };
        let text = String::from_utf8_lossy(bytes);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.write_log(level, line);
        }
    }
}

/// The longest beginning of `text` with at most `bytes_max` bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired - current);
        if total > self.limits.memory_bytes_max {
            return Err(Stop::OutOfMemory.into());
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::OutOfMemory.into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired - current);
        if total > self.limits.table_elements_max {
            return Err(Stop::OutOfTable.into());
        }
        self.table_elements = total;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::OutOfTable.into())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

impl types::Host for Guest {}

impl sys::Host for Guest {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.sys.now_ms())
    }

    fn random(&mut self, bytes: u32) -> wasmtime::Result<Vec<u8>> {
        if bytes > RANDOM_BYTES_MAX {
            return Err(Stop::Forbidden(format!(
                "it asked for {bytes} random bytes at once; ask for at most {RANDOM_BYTES_MAX}"
            ))
            .into());
        }
        let mut random = vec![0; bytes as usize];
        self.fill_random(&mut random)?;
        Ok(random)
    }

    fn log(&mut self, level: u8, text: String) -> wasmtime::Result<()> {
        let level = match level {
            0 | 1 => Level::Error,
            2 => Level::Warn,
            3 => Level::Info,
            _ => Level::Debug,
        };
        self.write_log(level, &text);
        Ok(())
    }

    fn get(&mut self, path: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let value = self.sys.get(&path).map_err(Stop::Host)?;
        Ok(value.map(Into::into))
    }

    fn scan(
        &mut self,
        at_or_after: String,
        before: String,
        most: u32,
        back: bool,
    ) -> wasmtime::Result<Vec<types::Field>> {
        let values = self.sys.scan(&at_or_after, &before, most, back);
        let values = values.map_err(Stop::Host)?.into_iter();
        let fields = values.map(|(path, value)| types::Field {
            path,
            value: value.into(),
        });
        Ok(fields.collect())
    }

    fn count(&mut self, prefix: String) -> wasmtime::Result<u64> {
        Ok(self.sys.count(&prefix).map_err(Stop::Host)?)
    }
}
