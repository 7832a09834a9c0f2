//! Packages of Debian that tests need. They never skip, so what is missing is installed where we may.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Installs `package`. Only root on a Debian-like system may: nobody else is asked for a password in
/// the middle of a check. `missing` says what is, `remedy` what to do by hand.
pub(crate) fn install(package: &str, missing: &str, remedy: &'static str) -> Result<()> {
    if !Path::new("/etc/debian_version").is_file() || shell::find_on_path("apt-get").is_none() {
        bail!("{missing}; {remedy}");
    }
    let mut id = Command::new("id");
    id.arg("-u");
    if shell::read(id)?.trim() != "0" {
        bail!("{missing}, and only root can install it here; {remedy}");
    }
    println!("{missing}: installing Debian's");
    apt_get(&["update"], remedy)?;
    apt_get(
        &["install", "--yes", "--no-install-recommends", package],
        remedy,
    )
}

fn apt_get(args: &[&str], remedy: &'static str) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    shell::run(command).context(remedy)
}
