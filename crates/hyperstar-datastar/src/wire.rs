//! What all events share: the optional id and retry fields, and Datastar's `key value` data lines.

use hyperstar_sse::{Event, lines};

/// The reconnection delay that the client starts with, in milliseconds. A [`retry_ms`] of this
/// value is left off the wire, as the SDK specification asks.
///
/// [`retry_ms`]: crate::PatchElements::retry_ms
pub const RETRY_MS_DEFAULT: u64 = 1000;

/// The `event:` name of a patch of elements.
pub const PATCH_ELEMENTS: &str = "datastar-patch-elements";

/// The `event:` name of a patch of signals.
pub const PATCH_SIGNALS: &str = "datastar-patch-signals";

/// The id and retry fields of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) id: Option<String>,
    pub(crate) retry_ms: Option<u64>,
}

impl Fields {
    pub(crate) fn event(&self, name: &str, data: &DataLines) -> Event {
        let mut event = Event::new().name(name);
        if let Some(id) = &self.id {
            event = event.id(id);
        }
        if let Some(retry_ms) = self.retry_ms.filter(|&ms| ms != RETRY_MS_DEFAULT) {
            event = event.retry_ms(retry_ms);
        }
        event.data(data.as_str())
    }
}

/// The data of an event: lines of `key value`. The client joins the values of equal keys with line
/// feeds, so a value of several lines is several lines of data, whatever its key.
#[derive(Debug, Default)]
pub(crate) struct DataLines(String);

impl DataLines {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Adds a line for each of `value`'s; they are split as the client splits a stream.
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        for line in lines(value) {
            if !self.0.is_empty() {
                self.0.push('\n');
            }
            self.0.push_str(key);
            self.0.push(' ');
            self.0.push_str(line);
        }
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

/// Implements the methods that every event builder has, for a struct with a `fields: Fields` and
/// an `event(&self) -> Event`.
macro_rules! event_methods {
    ($builder:ty) => {
        impl $builder {
            /// The event's id, which a reconnecting client sends back as `Last-Event-ID`.
            #[must_use]
            pub fn id(mut self, id: impl Into<String>) -> Self {
                self.fields.id = Some(id.into());
                self
            }

            /// How long the client waits before it reconnects, in milliseconds.
            ///
            /// [`RETRY_MS_DEFAULT`](crate::RETRY_MS_DEFAULT) is left off the wire: it does not take
            /// back another value sent earlier on the same stream.
            #[must_use]
            pub fn retry_ms(mut self, retry_ms: u64) -> Self {
                self.fields.retry_ms = Some(retry_ms);
                self
            }

            /// The bytes of the event, ready for a `text/event-stream` body.
            #[must_use]
            pub fn encode(&self) -> bytes::Bytes {
                self.event().encode()
            }

            /// Appends what [`encode`](Self::encode) returns to `out`.
            pub fn encode_into(&self, out: &mut bytes::BytesMut) {
                self.event().encode_into(out);
            }
        }

        impl From<$builder> for hyperstar_sse::Event {
            fn from(builder: $builder) -> Self {
                builder.event()
            }
        }

        impl From<&$builder> for hyperstar_sse::Event {
            fn from(builder: &$builder) -> Self {
                builder.event()
            }
        }
    };
}
pub(crate) use event_methods;
