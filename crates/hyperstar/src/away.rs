//! Away for a restart: the viewers of a server that ends come back to its successor, but not all of them
//! in the same moment.

use hyperstar_sse::Event;

use crate::jitter;
use crate::viewer::{Viewer, Viewers};

/// Tells a page, as `ms`, how long to wait before it connects again.
///
/// # Design
/// `retry:` would have Datastar wait by itself: for just as long after each failure that follows, not to
/// be cut short when the network returns, and with two streams that push each other out if the tab is
/// hidden and shown meanwhile. So our script is told, by an event that Datastar hands on.
const WAIT: &str = "datastar-hs-wait";
/// The window in which all come back is so long for each of them.
const RETURN_MS_PER_VIEWER: u64 = 1;
/// The shortest and the longest window.
const RETURN_MS_MIN: u64 = 500;
const RETURN_MS_MAX: u64 = 10_000;

/// Ends all streams after what is queued, and tells each page a moment of its own to come back at.
pub(crate) fn send(viewers: &Viewers) {
    let window_ms = window_ms(viewers.connected());
    for sender in viewers.all().iter().filter_map(Viewer::sender) {
        let wait_ms = jitter::one_to(window_ms);
        let wait = Event::new().name(WAIT).data(&format!("ms {wait_ms}"));
        // A page whose queue is full does not hear of it and waits as after any other end.
        let _ = sender.event(wait.encode());
        sender.close();
    }
}

fn window_ms(viewers: usize) -> u64 {
    let viewers = u64::try_from(viewers).unwrap_or(u64::MAX);
    let wanted = viewers.saturating_mul(RETURN_MS_PER_VIEWER);
    wanted.clamp(RETURN_MS_MIN, RETURN_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_viewers() {
        for (viewers, expected) in [
            (0, 500),
            (500, 500),
            (3_000, 3_000),
            (10_000, 10_000),
            (1_000_000, 10_000),
        ] {
            assert_eq!(window_ms(viewers), expected, "{viewers}");
        }
    }
}
