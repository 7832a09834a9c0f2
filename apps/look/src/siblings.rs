//! The examples that are served beside this one.
//!
//! Only who serves them knows where they are, so the line at the bottom of the pages is set once, for the
//! whole program. In a component nobody does: there an app stands alone.

use std::sync::OnceLock;

/// The examples that are served together.
#[derive(Clone, Debug, Default)]
pub struct Siblings(Vec<Sibling>);

#[derive(Clone, Debug)]
pub(crate) struct Sibling {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) port: u16,
}

static SIBLINGS: OnceLock<Siblings> = OnceLock::new();

impl Siblings {
    /// Adds an example that is served on `port` of the same host; `url` is its address as seen from
    /// this machine.
    #[must_use]
    pub fn and(mut self, name: &str, url: &str, port: u16) -> Self {
        self.0.push(Sibling {
            name: name.to_owned(),
            url: url.to_owned(),
            port,
        });
        self
    }

    /// Has all pages of this program link to these. Only the first call does.
    pub fn introduce(self) {
        let _ = SIBLINGS.set(self);
    }
}

/// All of them, the asking one too; none where nobody said.
pub(crate) fn all() -> &'static [Sibling] {
    SIBLINGS.get().map_or(&[], |siblings| &siblings.0)
}
