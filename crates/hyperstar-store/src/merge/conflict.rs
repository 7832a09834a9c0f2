//! What two sides disagree on, and how it is told.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// The most conflicts that [`Conflicts`] lists. Those after them are counted.
pub const CONFLICTS_MAX: usize = 1_000;

/// A path on which two sides disagree. Displays as a sentence with the three values.
///
/// ```
/// use hyperstar_store::Conflict;
///
/// let conflict = Conflict::new("todo/1", Some("1".into()), Some("2".into()), None);
/// assert_eq!(
///     conflict.to_string(),
///     "`todo/1` was `1`; ours set it to `2`, theirs removed it"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The path. It is the shorter one if a value and a directory are in conflict.
    pub path: Arc<str>,
    /// The value that both started from; `None` if there was none.
    pub base: Option<Bytes>,
    /// Our value; `None` if we removed it, or have a directory there.
    pub ours: Option<Bytes>,
    /// Their value; `None` if they removed it, or have a directory there.
    pub theirs: Option<Bytes>,
    /// `Some` if the side without a value has a directory there: the first path below it that this
    /// side set.
    pub child: Option<Arc<str>>,
}

impl Conflict {
    /// A conflict of three values. Merges make their own; this is for tests of a custom policy.
    pub fn new(
        path: impl Into<Arc<str>>,
        base: Option<Bytes>,
        ours: Option<Bytes>,
        theirs: Option<Bytes>,
    ) -> Self {
        Self {
            path: path.into(),
            base,
            ours,
            theirs,
            child: None,
        }
    }

    /// The side without a value has a directory there, with this in it.
    pub(crate) fn with_child(mut self, child: impl Into<Arc<str>>) -> Self {
        self.child = Some(child.into());
        self
    }

    fn write_side(
        &self,
        f: &mut fmt::Formatter<'_>,
        side: &str,
        value: &Option<Bytes>,
    ) -> fmt::Result {
        match (value, &self.child) {
            (Some(value), _) => write!(f, "{side} set it to {}", Excerpt(value)),
            (None, Some(child)) => write!(f, "{side} made it a directory and set `{child}`"),
            (None, None) => write!(f, "{side} removed it"),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            Some(base) => write!(f, "`{}` was {}; ", self.path, Excerpt(base))?,
            None => write!(f, "`{}` had no value; ", self.path)?,
        }
        self.write_side(f, "ours", &self.ours)?;
        f.write_str(", ")?;
        self.write_side(f, "theirs", &self.theirs)
    }
}

/// Why two sides cannot be merged: the conflicts that no policy decides. Nothing was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflicts {
    /// The first conflicts, ordered by path, at most [`CONFLICTS_MAX`].
    pub listed: Vec<Conflict>,
    /// How many more there are.
    pub more: usize,
}

impl Conflicts {
    /// How many conflicts there are, listed or not.
    pub fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(crate) fn push(&mut self, conflict: Conflict) {
        if self.listed.len() < CONFLICTS_MAX {
            self.listed.push(conflict);
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for Conflicts {
    /// Shows the first few of the conflicts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 5;
        let plural = if self.count() == 1 { "" } else { "s" };
        write!(f, "{} merge conflict{plural}: ", self.count())?;
        for (index, conflict) in self.listed.iter().take(SHOWN_MAX).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}({}) {conflict}", index + 1)?;
        }
        if self.count() > SHOWN_MAX {
            write!(f, "; and {} more", self.count() - SHOWN_MAX)?;
        }
        f.write_str("; give the paths a merge policy, or change one side so that they agree")
    }
}

impl Error for Conflicts {}

/// A value in an error text: short, on one line.
struct Excerpt<'a>(&'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BYTES_MAX: usize = 60;
        let Self(value) = self;
        let start = &value[..value.len().min(BYTES_MAX)];
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            // The cut may have gone through a character; anything else is no text.
            Err(error) if error.error_len().is_none() && value.len() > BYTES_MAX => {
                std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return write!(f, "{} bytes", value.len()),
        };
        f.write_str("`")?;
        for character in text.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        if text.len() < value.len() {
            write!(f, "...` ({} bytes)", value.len())
        } else {
            f.write_str("`")
        }
    }
}
