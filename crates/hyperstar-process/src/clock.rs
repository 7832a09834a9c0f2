//! Time, randomness and the log, for whoever has no [`Cx`](crate::Cx) at hand.

use crate::sys::{self, Level};

/// The most bytes that a host gives at once.
const RANDOM_BYTES_MAX: usize = 4_096;

/// Milliseconds since 1970, UTC.
///
/// # Panics
/// Outside of a process, as [`sys::current`].
pub fn now_ms() -> u64 {
    sys::current().now_ms()
}

/// Random bytes, good enough for keys.
///
/// # Panics
/// Outside of a process, as [`sys::current`].
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let sys = sys::current();
    for part in bytes.chunks_mut(RANDOM_BYTES_MAX) {
        sys.random(part);
    }
    bytes
}

/// A line for the process's log; better through [`info!`](crate::info) and the others.
///
/// # Panics
/// Outside of a process, as [`sys::current`].
pub fn log(level: Level, text: &str) {
    sys::current().log(level, text);
}

/// Logs what failed, written as for `format!`.
#[macro_export]
macro_rules! error {
    ($($text:tt)+) => { $crate::log($crate::Level::Error, &::std::format!($($text)+)) };
}

/// Logs what is not as it should be, written as for `format!`.
#[macro_export]
macro_rules! warn {
    ($($text:tt)+) => { $crate::log($crate::Level::Warn, &::std::format!($($text)+)) };
}

/// Logs what happened, written as for `format!`.
#[macro_export]
macro_rules! info {
    ($($text:tt)+) => { $crate::log($crate::Level::Info, &::std::format!($($text)+)) };
}

/// Logs for whoever looks for a mistake, written as for `format!`.
#[macro_export]
macro_rules! debug {
    ($($text:tt)+) => { $crate::log($crate::Level::Debug, &::std::format!($($text)+)) };
}
