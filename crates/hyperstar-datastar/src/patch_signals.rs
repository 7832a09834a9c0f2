//! Patching signals: [`PatchSignals`].

use hyperstar_sse::Event;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::SignalsError;
use crate::wire::{DataLines, Fields, PATCH_SIGNALS, event_methods};

/// An event that changes the page's signals by a JSON merge patch
/// ([RFC 7386](https://www.rfc-editor.org/rfc/rfc7386)): objects merge, `null` removes, anything
/// else replaces.
///
/// ```
/// use hyperstar_datastar::PatchSignals;
/// use serde_json::json;
///
/// let patch = PatchSignals::new(&json!({"count": 3, "draft": null}))?;
/// assert_eq!(
///     patch.encode(),
///     "event: datastar-patch-signals\ndata: signals {\"count\":3,\"draft\":null}\n\n"
/// );
/// # Ok::<(), hyperstar_datastar::SignalsError>(())
/// ```
///
/// The browser's numbers are doubles: send an integer beyond 2⁵³ as a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchSignals {
    json: String,
    only_if_missing: bool,
    pub(crate) fields: Fields,
}

impl PatchSignals {
    /// Patches the fields of `signals`, which must serialize as an object.
    ///
    /// # Errors
    /// [`SignalsError::Serialize`] if `signals` has no JSON form, [`SignalsError::NotAnObject`] if
    /// it has another one.
    pub fn new<T: Serialize + ?Sized>(signals: &T) -> Result<Self, SignalsError> {
        let json = serde_json::to_string(signals).map_err(SignalsError::Serialize)?;
        if !json.starts_with('{') {
            return Err(SignalsError::NotAnObject { found: json });
        }
        Ok(Self::raw(json))
    }

    /// Patches with a text that is JSON already. It may have several lines; it is not checked.
    #[must_use]
    pub fn raw(json: impl Into<String>) -> Self {
        Self {
            json: json.into(),
            only_if_missing: false,
            fields: Fields::default(),
        }
    }

    /// Removes signals by their dotted paths. A path that leads into another path is covered by the
    /// shorter one.
    ///
    /// ```
    /// use hyperstar_datastar::PatchSignals;
    /// assert_eq!(
    ///     PatchSignals::remove(["draft", "user.email", "user.phone"]).encode(),
    ///     "event: datastar-patch-signals\n\
    ///      data: signals {\"draft\":null,\"user\":{\"email\":null,\"phone\":null}}\n\n"
    /// );
    /// ```
    #[must_use]
    pub fn remove<I>(paths: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut patch = Map::new();
        for path in paths {
            insert_null(&mut patch, path.as_ref());
        }
        Self::raw(Value::Object(patch).to_string())
    }

    /// Whether signals that exist already keep their values.
    #[must_use]
    pub fn only_if_missing(mut self, only_if_missing: bool) -> Self {
        self.only_if_missing = only_if_missing;
        self
    }

    /// The event as the SSE engine's type.
    #[must_use]
    pub fn event(&self) -> Event {
        let mut data = DataLines::with_capacity(self.json.len() + 32);
        if self.only_if_missing {
            data.push("onlyIfMissing", "true");
        }
        data.push("signals", &self.json);
        self.fields.event(PATCH_SIGNALS, &data)
    }

    pub(crate) fn json(&self) -> &str {
        &self.json
    }

    pub(crate) fn is_only_if_missing(&self) -> bool {
        self.only_if_missing
    }
}

event_methods!(PatchSignals);

fn insert_null(patch: &mut Map<String, Value>, path: &str) {
    let mut patch = patch;
    let mut rest = path;
    while let Some((name, tail)) = rest.split_once('.') {
        let inner = patch
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = inner else {
            return; // A shorter path removes all of this already.
        };
        patch = inner;
        rest = tail;
    }
    patch.insert(rest.to_owned(), Value::Null);
}
