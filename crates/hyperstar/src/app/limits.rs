//! What an app takes at most.

/// What an app takes at most. Each has a default that suits a small public app; reaching one gives
/// whoever reached it a clear answer and leaves the others alone.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body of a request, in bytes (1 MiB); past it: 413.
    pub body_bytes_max: usize,
    /// The most bytes of all bodies that are being read or worked on (256 MiB); past it: 503 with
    /// `Retry-After`.
    pub bodies_bytes_max: usize,
    /// The most open streams (20,000); past it: 503 with `Retry-After`.
    pub streams_max: usize,
    /// The most open streams of one session, so of one browser (100); past it: 429 with `Retry-After`.
    pub streams_per_session_max: usize,
    /// The most open streams from one address (2,000), an IPv6 network (/64) being one; past it: 429
    /// with `Retry-After`. Loopback and private addresses are a proxy's, a load balancer's or your own
    /// and are not counted; [`App::behind_proxy`](crate::App::behind_proxy) has the client's own address counted instead.
    pub streams_per_address_max: usize,
    /// The most sessions that keep values (100,000); past it setting one is an error.
    pub sessions_max: usize,
    /// The most one-shot events that wait for one viewer (64); past it the viewer is let go.
    pub queue_events_max: usize,
    /// The most bytes of them (256 KiB).
    pub queue_bytes_max: usize,
    /// The most bytes of compressed frames that are kept for viewers to come and for those that are
    /// late (64 MiB); what was not used the longest goes first, and is made anew when it is needed.
    pub frames_bytes_max: usize,
    /// A viewer that takes nothing for so long is let go, in milliseconds (30,000).
    pub stall_ms: u64,
    /// An idle stream carries a comment this often, in milliseconds (30,000).
    pub keep_alive_ms: u64,
    /// A viewer has left once it is away for so long, in milliseconds (3,000).
    pub leave_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            bodies_bytes_max: 256 * 1024 * 1024,
            streams_max: 20_000,
            streams_per_session_max: 100,
            streams_per_address_max: 2_000,
            sessions_max: 100_000,
            queue_events_max: 64,
            queue_bytes_max: 256 * 1024,
            frames_bytes_max: 64 * 1024 * 1024,
            stall_ms: 30_000,
            keep_alive_ms: 30_000,
            leave_ms: 3_000,
        }
    }
}
