//! Waiting for a condition, with a deadline.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// One second, to write `5 * SECOND`.
pub const SECOND: Duration = Duration::from_secs(1);

/// How long to wait between two looks at a condition.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits until `look` gives a value. An error of `look` ends the wait at once; `what` names the
/// condition in the error when the time is over.
///
/// ```
/// # use hyperstar_e2e::{SECOND, wait_until};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// let mut looks = 0;
/// let seen = wait_until("three looks", SECOND, async || {
///     looks += 1;
///     Ok((looks == 3).then_some(looks))
/// });
/// assert_eq!(seen.await?, 3);
/// # Ok(()) }
/// ```
pub async fn wait_until<T>(
    what: impl Display,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = look().await? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("after {timeout:?}, still not: {what}");
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
