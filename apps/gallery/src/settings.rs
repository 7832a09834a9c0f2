//! What the environment says.

use std::path::PathBuf;

use anyhow::{Context, bail};

/// Where the examples listen and keep their data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The host or address to listen on.
    pub host: String,
    /// The first port; each example takes the one at its index. 0: any free ones.
    pub port: u16,
    /// The folder for what must last.
    pub data: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            data: PathBuf::from("hyperstar-data"),
        }
    }
}

impl Settings {
    /// The settings of the process's environment.
    ///
    /// # Errors
    /// Which variable is wrong, and what it should be.
    pub fn from_env() -> anyhow::Result<Self> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let mut settings = Self::default();
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(host) = set("HYPERSTAR_HOST") {
            settings.host = host;
        }
        if let Some(port) = set("HYPERSTAR_PORT") {
            settings.port = port.parse().with_context(|| {
                format!("HYPERSTAR_PORT is `{port}`; it must be a port, from 0 to 65530")
            })?;
        }
        if let Some(data) = set("HYPERSTAR_DATA") {
            settings.data = PathBuf::from(data);
        }
        Ok(settings)
    }

    /// The address of the example at this index.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn address(&self, index: u16) -> anyhow::Result<String> {
        let port = if self.port == 0 {
            Some(0)
        } else {
            self.port.checked_add(index)
        };
        let Some(port) = port else {
            bail!(
                "HYPERSTAR_PORT is {}, which leaves no ports after it; choose one up to 65530",
                self.port
            );
        };
        // An IPv6 address stands in brackets before a port.
        let is_v6 = self.host.contains(':') && !self.host.starts_with('[');
        Ok(if is_v6 {
            format!("[{}]:{port}", self.host)
        } else {
            format!("{}:{port}", self.host)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_overrides_the_defaults() {
        let check = |variables: &[(&str, &str)], index: u16, expected: Result<&str, &str>| {
            let settings = Settings::read(|name| {
                variables
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            });
            let address = settings.and_then(|settings| settings.address(index));
            match expected {
                Ok(expected) => assert_eq!(address.unwrap(), expected),
                Err(expected) => assert!(format!("{:#}", address.unwrap_err()).contains(expected)),
            }
        };
        check(&[], 0, Ok("127.0.0.1:8080"));
        check(&[], 3, Ok("127.0.0.1:8083"));
        check(
            &[("HYPERSTAR_PORT", "9000"), ("HYPERSTAR_HOST", "0.0.0.0")],
            2,
            Ok("0.0.0.0:9002"),
        );
        check(&[("HYPERSTAR_PORT", "0")], 2, Ok("127.0.0.1:0"));
        check(&[("HYPERSTAR_HOST", "::1")], 1, Ok("[::1]:8081"));
        check(&[("HYPERSTAR_HOST", "")], 0, Ok("127.0.0.1:8080"));
        check(
            &[("HYPERSTAR_PORT", "http")],
            0,
            Err("HYPERSTAR_PORT is `http`"),
        );
        check(&[("HYPERSTAR_PORT", "65531")], 5, Err("up to 65530"));
    }
}
