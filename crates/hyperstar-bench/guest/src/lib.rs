//! Apps that the benchmark of the node asks, looks at, kills and lets misbehave.

mod busy;
mod counter;
mod kept;

pub use busy::Busy;
pub use counter::Counter;
pub use kept::{Kept, Record};

/// The app of the component: a feature says which.
#[cfg(feature = "kept")]
pub type App = Kept;
/// The app of the component: a feature says which.
#[cfg(all(feature = "counter", not(feature = "kept")))]
pub type App = Counter;
/// The app of the component: a feature says which.
#[cfg(not(any(feature = "counter", feature = "kept")))]
pub type App = Busy;
