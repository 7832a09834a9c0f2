//! Jinja templates, rendered by minijinja: values are escaped unless a template says `|safe`.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::html::Html;

/// Gives a template's source by its name, as it is now.
type Source = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The templates of an app; see [`App::templates`](crate::App::templates).
///
/// ```
/// use hyperstar::Templates;
///
/// let templates = Templates::inline([("hello.html", "Hello {{ name }}")]);
/// let html = templates.render("hello.html", serde_json::json!({ "name": "<you>" }))?;
/// assert_eq!(html.as_str(), "Hello &lt;you&gt;");
/// # Ok::<(), hyperstar::TemplateError>(())
/// ```
#[derive(Clone)]
pub struct Templates {
    inner: Arc<Inner>,
}

struct Inner {
    names: Vec<String>,
    source: Source,
    loaded: RwLock<Loaded>,
}

struct Loaded {
    environment: Environment<'static>,
    sources: Vec<Option<String>>,
}

impl Templates {
    /// Templates by name, in the program's text.
    pub fn inline(
        templates: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let templates: Vec<(String, String)> = templates
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()))
            .collect();
        let names = templates.iter().map(|(name, _)| name.clone()).collect();
        let source = move |wanted: &str| {
            templates
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, text)| text.clone())
        };
        Self::new(names, Arc::new(source))
    }

    /// A folder that `#[derive(rust_embed::Embed)]` compiled in. In debug builds it is read from the
    /// disk, and a change renders the open pages anew.
    #[cfg(feature = "assets")]
    pub fn embed<E: rust_embed::RustEmbed + 'static>() -> Self {
        let names = E::iter().map(std::borrow::Cow::into_owned).collect();
        let source = |name: &str| {
            let file = E::get(name)?;
            Some(String::from_utf8_lossy(&file.data).into_owned())
        };
        Self::new(names, Arc::new(source))
    }

    fn new(names: Vec<String>, source: Source) -> Self {
        let loaded = RwLock::new(Loaded::of(&names, &source));
        Self {
            inner: Arc::new(Inner {
                names,
                source,
                loaded,
            }),
        }
    }

    /// Renders a template with values.
    ///
    /// # Errors
    /// [`TemplateError`], which points at the place in the template.
    pub fn render(&self, name: &str, values: impl Serialize) -> Result<Html, TemplateError> {
        let loaded = self
            .inner
            .loaded
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let rendered = loaded
            .environment
            .get_template(name)
            .and_then(|template| template.render(Serde(values)));
        rendered
            .map(Html::raw)
            .map_err(|error| TemplateError::new(error, &self.inner.source))
    }

    /// Renders a template that stands in a string.
    ///
    /// # Errors
    /// [`TemplateError`], which points at the place in the template.
    pub fn render_str(&self, text: &str, values: impl Serialize) -> Result<Html, TemplateError> {
        let loaded = self
            .inner
            .loaded
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let rendered = loaded
            .environment
            .render_named_str("string.html", text, Serde(values));
        let text = text.to_owned();
        let source: Source = Arc::new(move |_| Some(text.clone()));
        rendered
            .map(Html::raw)
            .map_err(|error| TemplateError::new(error, &source))
    }

    /// Reads the templates anew; answers whether one has changed.
    pub(crate) fn reload(&self) -> bool {
        let sources: Vec<_> = self
            .inner
            .names
            .iter()
            .map(|name| (self.inner.source)(name))
            .collect();
        if self
            .inner
            .loaded
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .sources
            == sources
        {
            return false;
        }
        let fresh = Loaded::of(&self.inner.names, &self.inner.source);
        *self
            .inner
            .loaded
            .write()
            .unwrap_or_else(PoisonError::into_inner) = fresh;
        true
    }
}

impl Loaded {
    fn of(names: &[String], source: &Source) -> Self {
        let mut environment = Environment::new();
        // Whatever a template is called, what it makes is HTML.
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let from = source.clone();
        environment.set_loader(move |name| Ok(from(name)));
        environment.set_debug(true);
        let sources = names.iter().map(|name| source(name)).collect();
        Self {
            environment,
            sources,
        }
    }
}

impl Default for Templates {
    fn default() -> Self {
        Self::inline(std::iter::empty::<(String, String)>())
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.inner.names).finish()
    }
}

/// What is wrong with a template, and where.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct TemplateError {
    text: String,
    #[source]
    source: minijinja::Error,
}

impl TemplateError {
    fn new(error: minijinja::Error, source: &Source) -> Self {
        let mut text = error.kind().to_string();
        if let Some(detail) = error.detail() {
            text.push_str(": ");
            text.push_str(detail);
        }
        if let Some(place) = place(&error, source) {
            text.push('\n');
            text.push_str(&place);
        }
        Self {
            text,
            source: error,
        }
    }
}

/// The line that an error is in, with carets below what is wrong.
fn place(error: &minijinja::Error, source: &Source) -> Option<String> {
    let (name, number) = (error.name()?, error.line()?);
    let text = source(name)?;
    let line = text.lines().nth(number.checked_sub(1)?)?;
    let start: usize = text
        .split_inclusive('\n')
        .take(number - 1)
        .map(str::len)
        .sum();
    let range = error.range().unwrap_or(start..start + line.len());
    let from = range.start.saturating_sub(start).min(line.len());
    let to = range.end.saturating_sub(start).clamp(from, line.len());
    let column = line.get(..from).map_or(0, |before| before.chars().count());
    let width = line
        .get(from..to)
        .map_or(1, |part| part.chars().count())
        .max(1);
    let margin = " ".repeat(number.to_string().len());
    Some(format!(
        "{margin}--> {name}:{number}:{}\n{margin} |\n{number} | {line}\n{margin} | {}{}",
        column + 1,
        " ".repeat(column),
        "^".repeat(width),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_unless_marked() {
        let templates = Templates::inline([("a.txt", "{{ x }} {{ x|safe }}")]);
        let html = templates
            .render("a.txt", serde_json::json!({ "x": "<i>" }))
            .expect("it renders");
        assert_eq!(html.as_str(), "&lt;i&gt; <i>");
    }

    #[test]
    fn an_error_points_at_the_place() {
        let templates = Templates::inline([("page.html", "<p>\n  {{ name|shout }}\n</p>")]);
        let error = templates
            .render("page.html", serde_json::json!({ "name": "x" }))
            .expect_err("no such filter");
        let text = error.to_string();
        assert!(text.contains("--> page.html:2:"), "{text}");
        assert!(text.contains("2 |   {{ name|shout }}"), "{text}");
        assert!(text.contains('^'), "{text}");
        assert!(templates.render("other.html", ()).is_err());
    }

    #[test]
    fn a_changed_source_is_noticed() {
        let text = Arc::new(RwLock::new("one".to_owned()));
        let source = text.clone();
        let templates = Templates::new(
            vec!["t".into()],
            Arc::new(move |_| Some(source.read().expect("readable").clone())),
        );
        assert!(!templates.reload());
        *text.write().expect("writable") = "two".to_owned();
        assert!(templates.reload());
        assert_eq!(
            templates.render("t", ()).expect("it renders").as_str(),
            "two"
        );
        assert!(!templates.reload());
    }
}
