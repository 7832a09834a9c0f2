//! What the core takes from outside: the time of day and randomness.

use std::fmt;
use std::sync::Arc;

/// Fills a buffer with bytes that nobody can guess, or says that it cannot.
type Random = dyn Fn(&mut [u8]) -> Result<(), NoRandomness> + Send + Sync;

/// There is no randomness to be had, so nothing that must not be guessed can be made.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no source of randomness; give the app a `Platform` that has one")]
pub struct NoRandomness;

/// The time of day and randomness, as an app is given them.
///
/// [`Platform::system`] asks the operating system; an app with nothing under it passes its own.
/// Timers come from tokio's clock, which a test can pause.
#[derive(Clone)]
pub struct Platform {
    random: Arc<Random>,
    unix_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Platform {
    /// A platform made of two functions. `random` must give unpredictable bytes: session ids and
    /// script nonces are made of them. `unix_ms` gives milliseconds since 1970, UTC.
    pub fn new(
        random: impl Fn(&mut [u8]) -> Result<(), NoRandomness> + Send + Sync + 'static,
        unix_ms: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            random: Arc::new(random),
            unix_ms: Arc::new(unix_ms),
        }
    }

    /// The operating system's.
    #[cfg(feature = "std-random")]
    pub fn system() -> Self {
        Self::new(
            |buffer| getrandom::fill(buffer).map_err(|_| NoRandomness),
            system_ms,
        )
    }

    /// Milliseconds since 1970, UTC.
    pub fn unix_ms(&self) -> u64 {
        (self.unix_ms)()
    }

    /// `N` unpredictable bytes.
    ///
    /// # Errors
    /// [`NoRandomness`], and then nothing predictable is used instead.
    pub fn random<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        (self.random)(&mut bytes)?;
        Ok(bytes)
    }

    /// An unguessable name of 22 characters, fit for URLs, headers and attributes.
    ///
    /// # Errors
    /// As [`Platform::random`].
    pub fn token(&self) -> Result<String, NoRandomness> {
        use base64::Engine;
        Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.random::<16>()?))
    }
}

#[cfg(feature = "std-random")]
fn system_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

impl Default for Platform {
    /// The operating system's where the feature `std-random` is on; otherwise one that has the time
    /// of 1970 and no randomness, so that a forgotten [`App::platform`](crate::App::platform) fails
    /// closed.
    fn default() -> Self {
        #[cfg(feature = "std-random")]
        return Self::system();
        #[cfg(not(feature = "std-random"))]
        Self::new(|_| Err(NoRandomness), || 0)
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Platform")
    }
}
