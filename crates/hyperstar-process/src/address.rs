//! Addresses of processes.

use std::fmt;
use std::str::FromStr;

/// `process:package:publisher`, or `node@process:package:publisher` for one elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Address {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}
