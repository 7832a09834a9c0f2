//! The name of an app: its crate, its struct, its address and what people call it come from it.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, bail};

/// The longest name; it is a part of the process's address and of its host name.
const NAME_BYTES_MAX: usize = 40;

/// Names that crates cannot have: Rust's words, the crates that come with it, folders of cargo's, and what the
/// templates depend on.
const RESERVED: &str = "abstract as async await become box break const continue crate do dyn else enum \
    extern false final fn for gen if impl in let loop macro match maud mod move mut \
    override priv pub ref return self serde static struct super trait true try type \
    typeof unsafe unsized use virtual where while yield alloc build core deps examples \
    incremental std test proc_macro hyperstar_native hyperstar_process";

/// Types that the templates name.
const TAKEN: &str = "Address Ask BTreeMap Box Cx Deserialize Err Greeting Log Markup Message None Ok Option Process \
    Result Self Serialize Session Some State StateError String Vec Wire";

/// The name of a crate.
#[derive(Debug)]
pub(crate) struct CrateName(String);

impl FromStr for CrateName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let shown = crate::text::Safe(name);
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !name.chars().all(fits) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            bail!(
                "`{shown}` is no name of an app; take small letters, digits, `-` and `_`, a letter first, such as \
                 `tea-room`"
            );
        }
        if name.len() > NAME_BYTES_MAX {
            bail!("`{shown}` is too long; an app's name has at most {NAME_BYTES_MAX} characters");
        }
        if is_in(RESERVED, &name.replace('-', "_")) {
            bail!(
                "`{name}` means something to Rust or cargo already; take another name, such as `{name}-app`"
            );
        }
        Ok(Self(name.to_owned()))
    }
}

impl CrateName {
    /// As code names it: `tea_room`.
    pub(crate) fn in_code(&self) -> String {
        self.0.replace('-', "_")
    }

    /// The struct: `TeaRoom`.
    pub(crate) fn of_struct(&self) -> String {
        let name: String = self.words().collect();
        match is_in(TAKEN, &name) {
            true => format!("{name}App"),
            false => name,
        }
    }

    /// For people: `Tea Room`.
    pub(crate) fn title(&self) -> String {
        self.words().collect::<Vec<_>>().join(" ")
    }

    fn words(&self) -> impl Iterator<Item = String> {
        let words = self.0.split(['-', '_']).filter(|word| !word.is_empty());
        words.map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        })
    }
}

impl fmt::Display for CrateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_in(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_come_from_one() {
        let name: CrateName = "tea-room_2".parse().unwrap();
        assert_eq!(
            [
                name.to_string(),
                name.in_code(),
                name.of_struct(),
                name.title()
            ],
            ["tea-room_2", "tea_room_2", "TeaRoom2", "Tea Room 2"]
        );
        for (name, of_struct) in [
            ("state", "StateApp"),
            ("serialize", "SerializeApp"),
            ("deserialize", "DeserializeApp"),
        ] {
            let name: CrateName = name.parse().unwrap();
            assert_eq!(name.of_struct(), of_struct);
        }
    }

    #[test]
    fn names_that_no_crate_can_have_are_refused() {
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for name in [
            "",
            "Demo",
            "1st",
            "-x",
            "_x",
            "a b",
            "../up",
            "tür",
            "test",
            "impl",
            "proc-macro",
            &long,
        ] {
            assert!(name.parse::<CrateName>().is_err(), "{name}");
        }
    }
}
