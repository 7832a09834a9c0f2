//! The crate around an app that exports it as a process.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::app::{Crate, Source};
use crate::error::BuildError;
use crate::files;

/// Writes the wrapper below `output`, as far as it is not there yet. Returns its manifest.
pub(crate) fn write(crate_: &Crate, output: &Path) -> Result<PathBuf, BuildError> {
    let folder = output.join("wrappers").join(&crate_.app.name);
    let manifest = folder.join("Cargo.toml");
    files::write_if_differs(&manifest, manifest_text(crate_)?.as_bytes())?;
    let code = format!(
        "//! Written by `hyperstar build`: exports the app as a process.\n\n\
         hyperstar_process::export!(app::{});\n",
        crate_.app.app
    );
    files::write_if_differs(&folder.join("lib.rs"), code.as_bytes())?;
    lock(crate_, &folder)?;
    Ok(manifest)
}

/// The versions are the app's. Cargo adds the wrapper to its copy, so that the original is kept beside
/// it to compare with.
fn lock(crate_: &Crate, folder: &Path) -> Result<(), BuildError> {
    let lock = crate_.workspace_root.join("Cargo.lock");
    if let Some(lock) = files::read_if_there(&lock)?
        && files::write_if_differs(&folder.join("app.lock"), &lock)?
    {
        files::write_if_differs(&folder.join("Cargo.lock"), &lock)?;
    }
    Ok(())
}

fn manifest_text(crate_: &Crate) -> Result<String, BuildError> {
    let name = &crate_.app.name;
    let sdk = crate_.sdk()?;
    let mut text = format!(
        "# Written by `hyperstar build`: makes a component of the app. Changes here are lost.\n\
         [package]\n\
         name = \"{name}-component\"\n\
         version = {version}\n\
         edition = \"2024\"\n\
         publish = false\n\
         \n\
         [workspace]\n\
         \n\
         [lib]\n\
         path = \"lib.rs\"\n\
         crate-type = [\"cdylib\"]\n\
         \n\
         [dependencies.app]\n\
         package = \"{name}\"\n\
         path = {path}\n\
         default-features = {default_features}\n\
         features = {features}\n\
         \n\
         [dependencies.hyperstar-process]\n",
        version = quoted(&crate_.app.version),
        path = quoted_path(&crate_.manifest_dir),
        default_features = crate_.default_features,
        features = list(&crate_.features),
    );
    match sdk {
        Source::Path(path) => line(&mut text, "path", &quoted_path(path)),
        Source::Registry { version } => {
            line(&mut text, "version", &quoted(&format!("={version}")));
        }
        Source::Git { url, revision } => {
            line(&mut text, "git", &quoted(url));
            line(&mut text, "rev", &quoted(revision));
        }
    }
    // The app says which features of the SDK it needs.
    line(&mut text, "default-features", "false");
    Ok(text)
}

fn line(text: &mut String, key: &str, value: &str) {
    let written = writeln!(text, "{key} = {value}");
    written.expect("writing to a string cannot fail");
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!("[{}]", values.join(", "))
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A basic string of TOML. JSON's are such strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
