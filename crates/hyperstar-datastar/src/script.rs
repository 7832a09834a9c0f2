//! Executing JavaScript in the page: [`ExecuteScript`].

mod sugar;

use hyperstar_sse::Event;

use crate::elements::Mode;
use crate::escape::{attribute_name, push_html_attr, push_script_text};
use crate::wire::{DataLines, Fields, PATCH_ELEMENTS, event_methods};

pub use sugar::CustomEventOptions;

/// An event that runs JavaScript in the page, by appending a `<script>` element to its body.
///
/// The script arrives as written, even if it contains `</script>` or `<!--` in a string, a
/// template, a regular expression or a comment. Two things differ: `\r\n` and `\r` arrive as `\n`,
/// and ``String.raw`</script>` `` sees the escape. The one place where the escape is wrong is an
/// operator (`a<!--b`, `a</script/.test(c)`): write a space after the `<`.
///
/// ```
/// use hyperstar_datastar::ExecuteScript;
///
/// assert_eq!(
///     ExecuteScript::new("alert('</script>')").attribute("type", "module").encode(),
///     "event: datastar-patch-elements\n\
///      data: selector body\n\
///      data: mode append\n\
///      data: elements <script type=\"module\" data-effect=\"el.remove()\">alert('<\\/script>')</script>\n\n"
/// );
/// ```
///
/// Building a script from values? [`js_string`](crate::js_string) and
/// [`JsValue`](crate::JsValue) escape them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteScript {
    pub(crate) script: String,
    auto_remove: bool,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) fields: Fields,
}

impl ExecuteScript {
    /// Runs `script`, and then removes its element.
    #[must_use]
    pub fn new(script: impl Into<String>) -> Self {
        Self {
            script: script.into(),
            auto_remove: true,
            attributes: Vec::new(),
            fields: Fields::default(),
        }
    }

    /// Whether the element is removed once the script ran; it is unless said otherwise.
    #[must_use]
    pub fn auto_remove(mut self, auto_remove: bool) -> Self {
        self.auto_remove = auto_remove;
        self
    }

    /// Adds an attribute to the element, as in `attribute("type", "module")`.
    ///
    /// The value is escaped. Characters that cannot be part of an attribute's name are left out of
    /// `name`, and an attribute without a name is left out altogether.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: impl Into<String>) -> Self {
        let name = attribute_name(name);
        if !name.is_empty() {
            self.attributes.push((name, value.into()));
        }
        self
    }

    /// The event as the SSE engine's type.
    #[must_use]
    pub fn event(&self) -> Event {
        let mut data = DataLines::with_capacity(self.script.len() + 128);
        data.push("selector", "body");
        data.push("mode", Mode::Append.as_str());
        data.push("elements", &self.element());
        self.fields.event(PATCH_ELEMENTS, &data)
    }

    fn element(&self) -> String {
        let mut html = String::with_capacity(self.script.len() + 96);
        html.push_str("<script");
        for (name, value) in &self.attributes {
            html.push(' ');
            html.push_str(name);
            html.push_str("=\"");
            push_html_attr(&mut html, value);
            html.push('"');
        }
        if self.auto_remove {
            html.push_str(" data-effect=\"el.remove()\"");
        }
        html.push('>');
        push_script_text(&mut html, &self.script);
        html.push_str("</script>");
        html
    }
}

event_methods!(ExecuteScript);
