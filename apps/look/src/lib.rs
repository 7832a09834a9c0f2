//! The look that the examples share: one stylesheet, the bar on top, the line at the bottom; and how they
//! write time.
//!
//! An app adds [`Files`] to its assets, links `base.css` before its own stylesheet, and picks its
//! colour there by setting `--hue`.

pub mod clock;

use maud::{Markup, html};

/// `base.css` and the icon.
#[derive(rust_embed::Embed)]
#[folder = "assets/"]
pub struct Files;

/// The examples that run in the same process, for the line at the bottom of each page.
///
/// Empty when an example runs alone.
#[derive(Clone, Debug, Default)]
pub struct Siblings(Vec<Sibling>);

#[derive(Clone, Debug)]
struct Sibling {
    name: String,
    url: String,
    port: u16,
}

impl Siblings {
    /// Nobody else: the example runs alone.
    pub fn none() -> Self {
        Self::default()
    }

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
}

/// What goes into a page's `<head>`: the icon of its tab in the app's own colour, a plain `#rrggbb`.
pub fn head(colour: &str) -> Markup {
    // In an address a `#` would begin a fragment.
    let colour = colour.replace('#', "%23");
    html! {
        meta name="color-scheme" content="light dark";
        link rel="icon" href={
            "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='-5 -5 34 34'>"
            "<rect x='-5' y='-5' width='34' height='34' rx='9' fill='" (colour) "'/>"
            "<path fill='white' d='" (STAR) "'/></svg>"
        };
    }
}

/// The bar on top of a page: the app's name, and `aside` at the other end.
pub fn bar(name: &str, aside: Markup) -> Markup {
    html! {
        header .bar {
            h1 .brand { (star()) (name) }
            (aside)
        }
    }
}

/// How many people look at the page: `here(3, "watching")`.
pub fn here(count: usize, doing: &str) -> Markup {
    html! { span #here .here { (count.max(1)) " " (doing) } }
}

/// The line at the bottom of a page; `name` is the app that the page belongs to.
pub fn foot(name: &str, siblings: &Siblings) -> Markup {
    html! {
        footer .foot {
            @if siblings.0.is_empty() {
                span { "A " b { "Hyperstar" } " example" }
            } @else {
                nav aria-label="Examples" {
                    @for sibling in &siblings.0 {
                        @if sibling.name == name {
                            b aria-current="page" { (sibling.name) }
                        } @else {
                            // The same host as this page, whatever name the person reached it by.
                            a href=(sibling.url)
                              data-attr:href={ "`${location.protocol}//${location.hostname}:" (sibling.port) "`" } {
                                (sibling.name)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A Datastar effect for a field that is bound to the signal `field`: what the server says in `$said`
/// that it took leaves the field; what was typed after it stays.
pub fn take_said(field: &str) -> String {
    format!(
        "if ($said) {{ if (${field}.startsWith($said)) ${field} = ${field}.slice($said.length); $said = '' }}"
    )
}

const STAR: &str = "M12 0c1.1 7.1 4.8 10.9 12 12-7.2 1.1-10.9 4.9-12 12-1.1-7.1-4.8-10.9-12-12 7.2-1.1 10.9-4.9 12-12z";

/// The mark of the house.
pub fn star() -> Markup {
    html! {
        svg .star viewBox="0 0 24 24" aria-hidden="true" { path d=(STAR) {} }
    }
}

/// A decorative 24 by 24 icon, drawn as a line in the text's colour.
pub fn icon(line: &str) -> Markup {
    html! { svg .icon viewBox="0 0 24 24" aria-hidden="true" { path d=(line) {} } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_links_to_its_siblings_and_not_to_itself() {
        let siblings =
            Siblings::none()
                .and("Counter", "http://h:1", 1)
                .and("Todo", "http://h:2", 2);
        let line = foot("Todo", &siblings).into_string();
        assert!(line.contains(r#"<a href="http://h:1""#), "{line}");
        assert!(!line.contains("http://h:2"), "{line}");
        assert!(
            foot("Todo", &Siblings::none())
                .into_string()
                .contains("Hyperstar")
        );
    }

    #[test]
    fn a_page_is_seen_by_whoever_reads_it() {
        assert!(here(0, "watching").into_string().contains("1 watching"));
    }

    #[test]
    fn the_icon_is_an_address_without_a_fragment() {
        let head = head("#123456").into_string();
        assert!(head.contains("%23123456") && !head.contains('#'), "{head}");
    }

    #[test]
    fn the_stylesheet_is_there() {
        assert!(Files::get("base.css").is_some());
    }
}
