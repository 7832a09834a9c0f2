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
    choose(&sysroot(manifest_dir)?, || {
        progress(Progress::AddingTarget(TARGET));
        add_target(manifest_dir)
    })
}

fn choose(
    sysroot: &Path,
    add_target: impl FnOnce() -> Result<(), String>,
) -> Result<Toolchain, BuildError> {
    if is_installed(sysroot) {
        return Ok(Toolchain::Installed);
    }
    let added = add_target();
    if is_installed(sysroot) {
        return Ok(Toolchain::Installed);
    }
    if has_sources(sysroot) {
        return Ok(Toolchain::FromSource);
    }
    let tried = match added {
        Ok(()) => String::new(),
        Err(why) => format!(", and rustup does not add it: {why}"),
    };
    Err(BuildError::NoToolchain {
        sysroot: sysroot.to_owned(),
        tried,
    })
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
        return Err(BuildError::Manifest(cargo::complaint(&output.stderr)));
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
            let text = cargo::complaint(&output.stderr);
            let last = text.lines().rfind(|line| !line.trim().is_empty());
            Err(last.unwrap_or("it does not say why").trim().to_owned())
        }
        Err(_) => Err("it is not installed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A compiler's folder with these files.
    fn with(files: &[&str]) -> tempfile::TempDir {
        let sysroot = tempfile::tempdir().unwrap();
        for file in files {
            let path = sysroot.path().join("lib/rustlib").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        sysroot
    }

    const LIBRARY: &str = "wasm32-unknown-unknown/lib/libstd-1.rlib";
    const SOURCES: &str = "src/rust/library/Cargo.lock";

    #[test]
    fn what_is_there_is_taken() {
        let none = || panic!("nothing needs to be added");
        let found = choose(with(&[LIBRARY, SOURCES]).path(), none);
        assert_eq!(found.unwrap(), Toolchain::Installed);
    }

    #[test]
    fn what_can_be_added_is_added() {
        let sysroot = with(&[]);
        let found = choose(sysroot.path(), || {
            let path = sysroot.path().join("lib/rustlib").join(LIBRARY);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
            Ok(())
        });
        assert_eq!(found.unwrap(), Toolchain::Installed);
    }

    #[test]
    fn sources_do_too() {
        let found = choose(with(&[SOURCES]).path(), || Err("offline".to_owned()));
        assert_eq!(found.unwrap(), Toolchain::FromSource);
    }

    #[test]
    fn without_anything_it_is_said_how_to_get_it() {
        let error = choose(with(&[]).path(), || Err("it is not installed".to_owned()));
        let text = error.unwrap_err().to_string();
        for part in [
            "rustup does not add it: it is not installed",
            "`rustup target add wasm32-unknown-unknown`",
            "`rust-src`",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
