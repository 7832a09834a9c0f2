//! Finds what compiles to WebAssembly.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Progress;
use crate::cargo;
use crate::error::BuildError;

/// What components are compiled for: of the targets with a standard library the one that imports nothing.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// How the standard library is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// It came with the compiler.
    Installed,
    /// It is compiled along, from its sources.
    FromSource,
}

pub(crate) fn find(
    manifest_dir: &Path,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Toolchain, BuildError> {
    let sysroot = sysroot(manifest_dir)?;
    if is_installed(&sysroot) {
        return Ok(Toolchain::Installed);
    }
    progress(Progress::AddingTarget(TARGET));
    let tried = match add_target(manifest_dir) {
        Ok(()) if is_installed(&sysroot) => return Ok(Toolchain::Installed),
        Ok(()) => String::new(),
        Err(why) => format!(", and rustup does not add it: {why}"),
    };
    if has_sources(&sysroot) {
        return Ok(Toolchain::FromSource);
    }
    Err(BuildError::NoToolchain { sysroot, tried })
}

fn sysroot(manifest_dir: &Path) -> Result<PathBuf, BuildError> {
    let program = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let mut command = Command::new(&program);
    command
        .args(["--print", "sysroot"])
        .current_dir(manifest_dir);
    let output = command
        .output()
        .map_err(|source| BuildError::Program { program, source })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(BuildError::Manifest(text.trim_end().to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(text.trim_end()))
}

fn is_installed(sysroot: &Path) -> bool {
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let Ok(entries) = libraries.read_dir() else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("libstd-"))
}

fn has_sources(sysroot: &Path) -> bool {
    let library = sysroot.join("lib/rustlib/src/rust/library");
    library.join("Cargo.lock").is_file()
}

fn add_target(manifest_dir: &Path) -> Result<(), String> {
    let mut command = Command::new("rustup");
    command
        .args(["target", "add", TARGET])
        .current_dir(manifest_dir);
    cargo::forget_surroundings(&mut command);
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text.lines().rfind(|line| !line.trim().is_empty());
            Err(last.unwrap_or("it does not say why").trim().to_owned())
        }
        Err(_) => Err("it is not installed".to_owned()),
    }
}
