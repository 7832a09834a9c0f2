//! The look that the examples share: one stylesheet, the bar on top, the line at the bottom; and how they
//! write time.
//!
//! An app has `ui = ["../look/assets", "assets"]`, so that `base.css` comes before its own stylesheet, and
//! picks its colour there by setting `--hue`.

pub mod clock;
mod siblings;

use maud::{Markup, html};

pub use siblings::Siblings;

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
pub fn foot(name: &str) -> Markup {
    let siblings = siblings::all();
    html! {
        footer .foot {
            @if siblings.is_empty() {
                span { "A " b { "Hyperstar" } " example" }
            } @else {
                nav aria-label="Examples" {
                    @for sibling in siblings {
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
        assert!(foot("Todo").into_string().contains("Hyperstar"));
        let siblings =
            Siblings::default()
                .and("Counter", "http://h:1", 1)
                .and("Todo", "http://h:2", 2);
        siblings.introduce();
        let line = foot("Todo").into_string();
        assert!(line.contains(r#"<a href="http://h:1""#), "{line}");
        assert!(!line.contains("http://h:2"), "{line}");
    }

    #[test]
    fn a_page_is_seen_by_whoever_reads_it() {
        assert!(here(0, "watching").into_string().contains("1 watching"));
    }
}
