//! Addresses of processes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hyperstar_interface::{Type, Types, Wire, WireKey};
use serde::{Deserialize, Serialize};

/// The most bytes of a part of a [`ProcessId`].
const PART_BYTES_MAX: usize = 63;
/// The most bytes of a node's name.
const NODE_BYTES_MAX: usize = 253;

/// Which process of a node: `process:package:publisher`.
///
/// ```
/// use hyperstar_process::ProcessId;
///
/// let id: ProcessId = "counter:counter:alice.os".parse()?;
/// assert_eq!(id.package(), "counter");
/// # Ok::<(), hyperstar_process::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessId(Arc<str>);

/// Where a process is: `process:package:publisher` on this node, `node@process:package:publisher` on
/// another.
///
/// Clones are cheap. It is text in JSON.
///
/// ```
/// use hyperstar_process::Address;
///
/// let address: Address = "alice.os@counter:counter:bob.os".parse()?;
/// assert_eq!(address.node(), Some("alice.os"));
/// assert_eq!(address.process().to_string(), "counter:counter:bob.os");
/// # Ok::<(), hyperstar_process::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Arc<str>);

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not have three parts.
    #[error(
        "`{0}` is no address; write `process:package:publisher`, before it `node@` for another node"
    )]
    Parts(String),
    /// A part is empty, too long or has characters that it cannot have.
    #[error(
        "`{0}` in `{1}` is no name; use 1 to 63 letters (a-z, A-Z), digits, `-`, `_` and `.` (a node's name: 1 to 253)"
    )]
    Name(String, String),
}

impl ProcessId {
    /// The process's name within its package.
    pub fn process(&self) -> &str {
        self.part(0)
    }

    /// The package's name.
    pub fn package(&self) -> &str {
        self.part(1)
    }

    /// Who made the package.
    pub fn publisher(&self) -> &str {
        self.part(2)
    }

    /// The same process on another node.
    ///
    /// # Errors
    /// [`AddressError::Name`] if the node's name is none.
    pub fn at(&self, node: &str) -> Result<Address, AddressError> {
        format!("{node}@{self}").parse()
    }

    fn part(&self, place: usize) -> &str {
        self.0.split(':').nth(place).unwrap_or_default()
    }
}

impl Address {
    /// The node, unless it is this one.
    pub fn node(&self) -> Option<&str> {
        self.0.split_once('@').map(|(node, _)| node)
    }

    /// The process on its node.
    pub fn process(&self) -> ProcessId {
        match self.0.split_once('@') {
            Some((_, process)) => ProcessId(process.into()),
            None => ProcessId(self.0.clone()),
        }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProcessId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        check_process(text, text)?;
        Ok(Self(text.into()))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let process = match text.split_once('@') {
            Some((node, process)) => {
                check_name(node, text, NODE_BYTES_MAX)?;
                process
            }
            None => text,
        };
        check_process(process, text)?;
        Ok(Self(text.into()))
    }
}

fn check_process(process: &str, whole: &str) -> Result<(), AddressError> {
    let mut parts = process.split(':');
    let (Some(a), Some(b), Some(c), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(AddressError::Parts(shortened(whole)));
    };
    [a, b, c]
        .iter()
        .try_for_each(|part| check_name(part, whole, PART_BYTES_MAX))
}

fn check_name(name: &str, whole: &str, bytes_max: usize) -> Result<(), AddressError> {
    let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > bytes_max || !name.bytes().all(fits) {
        return Err(AddressError::Name(shortened(name), shortened(whole)));
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(NODE_BYTES_MAX).collect()
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = AddressError;
            fn try_from(text: String) -> Result<Self, AddressError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }
        impl Wire for $name {
            fn wire(_: &mut Types) -> Type {
                Type::String
            }
        }
        impl WireKey for $name {}
    )*};
}

as_text!(ProcessId Address);

impl From<ProcessId> for Address {
    fn from(process: ProcessId) -> Self {
        Self(process.0)
    }
}

impl From<&ProcessId> for Address {
    fn from(process: &ProcessId) -> Self {
        Self(process.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["a:b:c", "n@a:b:c", "alice.os@chat-2:chat:bob_1.os"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            let json = serde_json::to_string(&address).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
        }
        let here: Address = "a:b:c".parse().unwrap();
        assert_eq!((here.node(), here.process().publisher()), (None, "c"));
        assert_eq!(here.process().at("n").unwrap().node(), Some("n"));
    }

    #[test]
    fn other_texts_are_refused() {
        let long = format!("{}:b:c", "a".repeat(64));
        let cases = [
            "",
            "a",
            "a:b",
            "a:b:c:d",
            "a::c",
            "@a:b:c",
            "n@",
            "n@a:b",
            "n@m@a:b:c",
            "a b:c:d",
            "a/b:c:d",
            "ä:b:c",
            "a:b:c\n",
            &long,
        ];
        for case in cases {
            assert!(case.parse::<Address>().is_err(), "{case:?}");
        }
        let error = "n@a:b c:d".parse::<Address>().unwrap_err().to_string();
        assert!(error.contains("`b c` in `n@a:b c:d`"), "{error}");
    }
}
