//! From wasmtime's errors to reasons that people can read.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::guest::{Guest, Stop};
use hyperstar_native::instance::Crash;

/// How much of the way to a failure is told.
const FRAMES_MAX: usize = 6;
const NAME_BYTES_MAX: usize = 512;

/// Why a call into a guest failed.
pub(crate) fn crash(error: &wasmtime::Error, guest: &Guest) -> Crash {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::OutOfTime => Crash::OutOfTime {
                ms_max: guest.budget_ms,
            },
            Stop::OutOfMemory => Crash::OutOfMemory {
                bytes_max: guest.limits.memory_bytes_max,
            },
            Stop::OutOfTable => Crash::Protocol(format!(
                "more than {} elements of tables; raise `table_elements_max`",
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
                Some(words) => words.clone(),
                None => format!("{trap}{}", place(error)),
            },
        },
        // What a guest answered could not be read.
        None => Crash::Protocol(format!("{error:#}")),
    }
}

/// Where it was, innermost first. The names come from the guest: long ones are not shown, since a short
/// mangled name may stand for a very long one.
fn place(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return text;
    };
    for (place, frame) in backtrace.frames().iter().take(FRAMES_MAX).enumerate() {
        let name = match frame.func_name() {
            Some(name) if name.len() <= NAME_BYTES_MAX => {
                format!("{:#}", rustc_demangle::demangle(name))
            }
            _ => format!("function {}", frame.func_index()),
        };
        if name.len() > NAME_BYTES_MAX {
            break;
        }
        text.push_str(if place == 0 {
            ", in `"
        } else {
            "`, called by `"
        });
        text.push_str(&name);
    }
    if !text.is_empty() {
        text.push('`');
    }
    text
}
