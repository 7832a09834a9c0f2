//! Patching elements: [`PatchElements`], [`Mode`] and [`Namespace`].

pub(crate) mod roots;

use std::borrow::Cow;
use std::fmt;

use hyperstar_sse::Event;

use crate::wire::{DataLines, Fields, PATCH_ELEMENTS, event_methods};

/// An event that puts HTML into the page.
///
/// Whatever the fields contain, the event is one well-formed SSE event, and the client sees their
/// exact text (except that it reads `\r\n` and `\r` as `\n`).
///
/// ```
/// use hyperstar_datastar::{Mode, PatchElements};
///
/// let patch = PatchElements::new("<li>three</li>").selector("#list").mode(Mode::Append);
/// assert_eq!(
///     patch.encode(),
///     "event: datastar-patch-elements\n\
///      data: selector #list\n\
///      data: mode append\n\
///      data: elements <li>three</li>\n\n"
/// );
/// ```
///
/// Without a selector every top-level element needs an `id`, and the mode is [`Mode::Outer`] or
/// [`Mode::Replace`]; the client refuses the other modes without one.
///
/// # Design
/// In the SVG and MathML namespaces the client of version 1.0 moves the top-level nodes out of
/// their wrapper while it iterates over them, and so loses every second one. Wrapping several roots
/// in one `<g>` would save them, but changes the document, has no counterpart in MathML, and breaks
/// patches that find their targets by id. Instead, a node that may be lost is put between any two:
/// a line feed between elements, an empty comment beside text. White space and comments around the
/// roots are left out for the same reason: before the first root they would cost that root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchElements {
    html: String,
    selector: Option<String>,
    mode: Mode,
    namespace: Namespace,
    use_view_transition: bool,
    view_transition_selector: Option<String>,
    pub(crate) fields: Fields,
}

impl PatchElements {
    /// Patches the complete elements in `html` into the page.
    #[must_use]
    pub fn new(html: impl Into<String>) -> Self {
        Self {
            html: html.into(),
            selector: None,
            mode: Mode::default(),
            namespace: Namespace::default(),
            use_view_transition: false,
            view_transition_selector: None,
            fields: Fields::default(),
        }
    }

    /// Removes every element that matches the CSS `selector`.
    #[must_use]
    pub fn remove(selector: impl Into<String>) -> Self {
        Self::new("").selector(selector).mode(Mode::Remove)
    }

    /// The CSS selector of the target, instead of the ids in the HTML.
    #[must_use]
    pub fn selector(mut self, selector: impl Into<String>) -> Self {
        self.selector = Some(selector.into());
        self
    }

    /// How the elements get into the page; [`Mode::Outer`] unless said otherwise.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The namespace that new elements are created in; [`Namespace::Html`] unless said otherwise.
    /// It is needed when the roots of the HTML are the inside of an `<svg>` or `<math>`, not when
    /// the root is `<svg>` itself.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Whether the browser animates the change with the View Transition API.
    #[must_use]
    pub fn use_view_transition(mut self, use_view_transition: bool) -> Self {
        self.use_view_transition = use_view_transition;
        self
    }

    /// The element whose view transition is started, instead of the document's. It has an effect
    /// only together with [`use_view_transition`](Self::use_view_transition).
    #[must_use]
    pub fn view_transition_selector(mut self, selector: impl Into<String>) -> Self {
        self.view_transition_selector = Some(selector.into());
        self
    }

    /// The event as the SSE engine's type.
    #[must_use]
    pub fn event(&self) -> Event {
        let html = self.wire_html();
        let mut data = DataLines::with_capacity(html.len() + html.len() / 8 + 64);
        if let Some(selector) = self.selector_text() {
            data.push("selector", selector);
        }
        if self.mode != Mode::default() {
            data.push("mode", self.mode.as_str());
        }
        if self.namespace != Namespace::default() {
            data.push("namespace", self.namespace.as_str());
        }
        if self.use_view_transition {
            data.push("useViewTransition", "true");
        }
        if let Some(selector) = &self.view_transition_selector
            && !selector.is_empty()
        {
            data.push("viewTransitionSelector", selector);
        }
        if self.mode != Mode::Remove || !html.is_empty() {
            data.push("elements", &html);
        }
        self.fields.event(PATCH_ELEMENTS, &data)
    }

    /// The HTML, such that the client loses no node of it.
    pub(crate) fn wire_html(&self) -> Cow<'_, str> {
        match self.namespace {
            Namespace::Html => Cow::Borrowed(&self.html),
            Namespace::Svg | Namespace::Mathml => roots::separate(&self.html),
        }
    }

    pub(crate) fn selector_text(&self) -> Option<&str> {
        self.selector
            .as_deref()
            .filter(|selector| !selector.is_empty())
    }

    pub(crate) fn options(&self) -> (Mode, Namespace, bool) {
        (self.mode, self.namespace, self.use_view_transition)
    }
}

event_methods!(PatchElements);

/// How a patch changes its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Morphs the target into the new element; what did not change keeps its state.
    #[default]
    Outer,
    /// Morphs the target's children.
    Inner,
    /// Replaces the target without morphing.
    Replace,
    /// Inserts at the beginning of the target.
    Prepend,
    /// Inserts at the end of the target.
    Append,
    /// Inserts before the target.
    Before,
    /// Inserts after the target.
    After,
    /// Removes the target. It needs a selector: see [`PatchElements::remove`].
    Remove,
}

impl Mode {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outer => "outer",
            Self::Inner => "inner",
            Self::Replace => "replace",
            Self::Prepend => "prepend",
            Self::Append => "append",
            Self::Before => "before",
            Self::After => "after",
            Self::Remove => "remove",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The XML namespace of a patch's top-level elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Namespace {
    /// HTML.
    #[default]
    Html,
    /// SVG: the elements are the inside of an `<svg>`.
    Svg,
    /// MathML: the elements are the inside of a `<math>`.
    Mathml,
}

impl Namespace {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Svg => "svg",
            Self::Mathml => "mathml",
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
