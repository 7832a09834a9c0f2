//! The lines that one sees in the terminal.

use std::fmt::Write;
use std::io::IsTerminal;

use crate::{Example, Settings};

/// Whether the lines are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Coloured,
}

impl Ink {
    /// Colours for a person at a terminal who has not said no (<https://no-color.org>).
    pub(crate) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && std::io::stdout().is_terminal() {
            Self::Coloured
        } else {
            Self::Plain
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

pub(crate) fn lines(links: &[(Example, String)], settings: &Settings, ink: Ink) -> String {
    let width = links
        .iter()
        .map(|(example, _)| example.name().len())
        .max()
        .unwrap_or_default();
    let mut out = format!(
        "\n  {} {}\n\n",
        ink.paint("35", "✦"),
        ink.paint("1", "Hyperstar")
    );
    for (example, url) in links {
        let _ = writeln!(
            out,
            "    {:width$}  {}",
            example.name(),
            ink.paint("36", url)
        );
    }
    let _ = writeln!(
        out,
        "\n  {}\n",
        ink.paint(
            "2",
            &format!(
                "Data is kept in {}. Add /monitor to an address to see what it costs. Ctrl-C stops.",
                settings.data.display()
            )
        )
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_aligned_and_the_data_is_named() {
        let settings = Settings::default();
        let links: Vec<(Example, String)> = Example::ALL
            .into_iter()
            .map(|e| (e, format!("http://h:{}", e.index())))
            .collect();
        let expected = "\n  ✦ Hyperstar\n\n    Counter     http://h:0\n    Life        http://h:1\n    Todo        http://h:2\n    \
                        Chat        http://h:3\n    North bank  http://h:4\n    South bank  http://h:5\n\n  Data is kept in hyperstar-data. Add /monitor to an address to see what it costs. \
                        Ctrl-C stops.\n\n";
        assert_eq!(lines(&links, &settings, Ink::Plain), expected);
        let alone = lines(&links[..1], &settings, Ink::Coloured);
        assert!(alone.contains("\u{1b}[36mhttp://h:0\u{1b}[0m"), "{alone}");
    }
}
