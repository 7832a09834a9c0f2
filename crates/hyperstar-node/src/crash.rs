//! From wasmtime's errors to reasons that people can read.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::guest::{Guest, Stop};
use hyperstar_native::instance::Crash;

/// The bytes of a backtrace that are kept: names in it are the guest's.
const BACKTRACE_BYTES_MAX: usize = 4_096;
/// Longer names are not shown.
const NAME_BYTES_MAX: usize = 512;

/// Why a call into a guest failed.
pub(crate) fn crash(error: &wasmtime::Error, guest: &Guest) -> Crash {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::OutOfTime => Crash::OutOfTime {
                ms: guest.budget_ms,
            },
            Stop::OutOfMemory => Crash::OutOfMemory {
                bytes_max: guest.limits.memory_bytes_max,
            },
            Stop::OutOfTable => Crash::Protocol(format!(
                "it asked for more than {} table elements; raise its limit",
                guest.limits.table_elements_max
            )),
            Stop::Forbidden(text) => Crash::Protocol(text.clone()),
            Stop::Host(text) => Crash::Host(text.clone()),
        };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Crash::Host(format!(
            "no more processes fit on this node ({error}); stop one, or raise `instances_max`"
        ));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Crash::StackOverflow,
        Some(trap) => Crash::Trap {
            message: match &guest.last_words {
                Some(words) => format!("{words} ({trap})"),
                None => trap.to_string(),
            },
            backtrace: backtrace(error),
        },
        // What a guest answered could not be read.
        None => Crash::Protocol(format!("what it answered cannot be read: {error:#}")),
    }
}

/// A line a frame, innermost first. The names come from the guest: long ones stay as they are, since a
/// short mangled name may stand for a very long one.
fn backtrace(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let mut lines = String::new();
    for frame in backtrace.frames() {
        let name = match frame.func_name() {
            Some(name) if name.len() <= NAME_BYTES_MAX => {
                format!("{:#}", rustc_demangle::demangle(name))
            }
            _ => format!("function {}", frame.func_index()),
        };
        if lines.len() + name.len() >= BACKTRACE_BYTES_MAX {
            break;
        }
        lines.push_str(&name);
        lines.push('\n');
    }
    lines
}
