//! What apps begin with. The files are in `templates/`; they are written for an app called `my-app`.

use clap::ValueEnum;

use super::Sources;
use super::name::CrateName;

/// What an app begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// One page
    Blank,
    /// A number that everyone shares, with an action, an API and tests
    Counter,
    /// A room to talk in
    Chat,
    /// Calls between processes
    Rpc,
}

/// What is a template's own.
struct Own {
    about: &'static str,
    code: &'static str,
    tests: &'static str,
    /// Below the look that all have.
    style: &'static str,
}

macro_rules! own {
    ($name:literal, $about:literal, $style:expr) => {
        Own {
            about: $about,
            code: include_str!(concat!("../../templates/", $name, "/lib.rs")),
            tests: include_str!(concat!("../../templates/", $name, "/app.rs")),
            style: $style,
        }
    };
    ($name:literal, $about:literal) => {
        own!(
            $name,
            $about,
            include_str!(concat!("../../templates/", $name, "/style.css"))
        )
    };
}

impl Template {
    /// What it is called.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The files of an app called `name`.
    pub(crate) fn files(self, name: &CrateName, sources: &Sources) -> Vec<(&'static str, String)> {
        let own = self.own();
        let manifest = include_str!("../../templates/common/manifest.toml")
            .replace(
                "HYPERSTAR_PROCESS",
                &sources.dependency("hyperstar-process", &[]),
            )
            .replace(
                "HYPERSTAR_NATIVE",
                &sources.dependency("hyperstar-native", &[]),
            )
            .replace(
                "HYPERSTAR_TEST",
                &sources.dependency("hyperstar-process", &["test"]),
            );
        let style = include_str!("../../templates/common/style.css").to_owned() + own.style;
        let readme = include_str!("../../templates/common/README.md").replace("ABOUT", own.about);
        let named = |text: &str| {
            text.replace("my-app", &name.to_string())
                .replace("my_app", &name.in_code())
                .replace("MyApp", &name.of_struct())
                .replace("My App", &name.title())
        };
        vec![
            ("Cargo.toml", named(&manifest)),
            ("README.md", named(&readme)),
            (
                ".gitignore",
                include_str!("../../templates/common/gitignore").to_owned(),
            ),
            ("src/lib.rs", named(own.code)),
            (
                "src/main.rs",
                named(include_str!("../../templates/common/main.rs")),
            ),
            ("tests/app.rs", named(own.tests)),
            ("ui/style.css", style),
        ]
    }

    fn own(self) -> Own {
        match self {
            Self::Blank => own!("blank", "A page.", ""),
            Self::Counter => own!("counter", "A number that everyone who looks shares."),
            Self::Chat => own!("chat", "A room that everyone who looks is in."),
            Self::Rpc => own!("rpc", "It asks other processes, and answers them."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_the_templates_own_names() {
        let name: CrateName = "tea-room".parse().unwrap();
        for template in Template::value_variants() {
            for (file, text) in template.files(&name, &Sources::Published("0.1")) {
                for word in ["my-app", "my_app", "MyApp", "My App", "HYPERSTAR_", "ABOUT"] {
                    assert!(!text.contains(word), "{template:?}: {file} has {word}");
                }
            }
        }
    }

    #[test]
    fn outside_of_a_checkout_the_published_versions_are_taken() {
        let name: CrateName = "tea-room".parse().unwrap();
        let files = Template::Blank.files(&name, &Sources::Published("0.1"));
        let manifest = &files
            .iter()
            .find(|(file, _)| *file == "Cargo.toml")
            .unwrap()
            .1;
        for line in [
            "name = \"tea-room\"",
            "app = \"TeaRoom\"",
            "hyperstar-process = { version = \"0.1\" }",
            "hyperstar-process = { version = \"0.1\", features = [\"test\"] }",
            "hyperstar-native = { version = \"0.1\" }",
        ] {
            assert!(manifest.contains(line), "{line}:\n{manifest}");
        }
    }
}
