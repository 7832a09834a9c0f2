//! Open files: each connection is one, and the system allows a process only so many.

#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::Duration;
use std::{fmt, io};

use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::hub::lock;

/// What an app may hold open beside its connections: its store, its log, files that it reads.
const SPARE: usize = 64;
/// How many connections may wait to be accepted, if the system allows it: after a restart all viewers
/// come at once, and those that find no room try again a second later.
#[cfg(unix)]
const BACKLOG: i32 = 4_096;
/// How often a shortage is said.
const WARN_EVERY: Duration = Duration::from_secs(60);
const REMEDY: &str = "raise the limit of open files: `ulimit -n`, or `LimitNOFILE=` of systemd";

/// Takes as many open files as this process may have, and answers how many connections fit.
pub(crate) fn fitting(connections_max: usize) -> usize {
    let fit = fit(connections_max, raise());
    if fit < connections_max {
        tracing::warn!(
            wanted = connections_max,
            connections = fit,
            remedy = REMEDY,
            "the system allows fewer open files than connections were asked for"
        );
    }
    fit
}

fn fit(connections_max: usize, files_max: Option<usize>) -> usize {
    let room = files_max.map_or(usize::MAX, |files| files.saturating_sub(SPARE));
    // One at a time is better than none.
    connections_max.min(room.max(1))
}

/// Raises the limit as far as it goes; `None` if there is none.
#[cfg(unix)]
fn raise() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        // Some systems say that there is no limit and keep one.
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            current
        }
    };
    allowed.map(|files| usize::try_from(files).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn raise() -> Option<usize> {
    None
}

/// Lets more connections wait to be accepted than are usual.
#[cfg(unix)]
pub(crate) fn widen(listener: &TcpListener) {
    if let Err(error) = rustix::net::listen(listener.as_fd(), BACKLOG) {
        tracing::debug!(%error, "the backlog stays as it is");
    }
}

#[cfg(not(unix))]
pub(crate) fn widen(_listener: &TcpListener) {}

/// Tells about failures to accept, each as loudly as it deserves.
#[derive(Default)]
pub(crate) struct Shortage {
    warned: Mutex<Option<Instant>>,
}

impl Shortage {
    /// Notes why a connection was not accepted; answers whether to wait before the next.
    pub(crate) fn note(&self, error: &io::Error) -> bool {
        if is_gone(error) {
            tracing::debug!(%error, "a connection ended before it was accepted");
            return false;
        }
        if !is_shortage(error) {
            tracing::debug!(%error, "a connection could not be accepted");
        } else if self.is_due(Instant::now()) {
            tracing::warn!(
                %error,
                remedy = REMEDY,
                "no more connections can be accepted; those that come wait"
            );
        }
        true
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut warned = lock(&self.warned);
        let is_due = warned.is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
        if is_due {
            *warned = Some(now);
        }
        is_due
    }
}

impl fmt::Debug for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shortage")
    }
}

/// Whether it was the client who gave up.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Whether there is no file left, in this process or in the system.
#[cfg(unix)]
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(not(unix))]
fn is_shortage(_error: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        for (connections_max, files_max, expected) in [
            (50_000, None, 50_000),
            (50_000, Some(1_048_576), 50_000),
            (50_000, Some(50_064), 50_000),
            (50_000, Some(50_063), 49_999),
            (50_000, Some(1_024), 960),
            (50_000, Some(64), 1),
            (50_000, Some(3), 1),
            (10, Some(1_024), 10),
        ] {
            assert_eq!(fit(connections_max, files_max), expected, "{files_max:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        use rustix::process::{Resource, getrlimit};
        let raised = raise();
        let limit = getrlimit(Resource::Nofile);
        let now = limit.current.map(|files| usize::try_from(files).unwrap());
        assert_eq!(raised, now);
        #[cfg(target_os = "linux")]
        assert_eq!(limit.current, limit.maximum);
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn a_shortage_is_said_once_a_minute_and_waited_out() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE] {
            assert!(is_shortage(&errno.into()));
        }
        let shortage = Shortage::default();
        assert!(shortage.note(&Errno::MFILE.into()));
        assert!(shortage.note(&Errno::NOMEM.into()));
        assert!(!shortage.note(&Errno::CONNABORTED.into()));
        let began = Instant::now();
        assert!(!shortage.is_due(began + WARN_EVERY / 2));
        assert!(shortage.is_due(began + WARN_EVERY));
        assert!(!shortage.is_due(began + WARN_EVERY * 3 / 2));
    }
}
