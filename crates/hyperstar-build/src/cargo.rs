//! Runs cargo, and listens to it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde::Deserialize;

use crate::app::Crate;
use crate::error::BuildError;
use crate::toolchain::{TARGET, Toolchain};
use crate::{BuildOptions, Entry, Progress};

/// What the compiler says is kept to this size: its beginning matters most.
const WORDS_BYTES_MAX: u64 = 1 << 20;

/// What an error begins with.
const ERROR: &str = "error: ";

/// How a module is made quickly: it is built anew at each change.
const QUICK: &[&str] = &[
    "profile.dev.opt-level=1",
    "profile.dev.debug=false",
    "profile.dev.strip=\"debuginfo\"",
    "profile.dev.incremental=true",
    "profile.dev.panic=\"abort\"",
];
/// How a module is made fast, and then small. At `s` it would have a quarter less, and a page took a quarter longer.
const FAST: &[&str] = &[
    "profile.release.opt-level=2",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.debug=false",
    "profile.release.strip=true",
    "profile.release.panic=\"abort\"",
];

/// What cargo made.
pub(crate) struct Compiled {
    pub(crate) module: PathBuf,
    pub(crate) warnings: String,
}

/// Compiles a `cdylib` for WebAssembly.
pub(crate) fn compile(
    crate_: &Crate,
    manifest: &Path,
    toolchain: Toolchain,
    build_dir: &Path,
    options: &BuildOptions<'_>,
) -> Result<Compiled, BuildError> {
    let mut command = command(manifest, toolchain, build_dir, options);
    command.current_dir(&crate_.manifest_dir);
    let mut child = command.spawn().map_err(no_program)?;
    let words = listen(&mut child);
    // The wrapper is one more.
    let packages = crate_.packages + usize::from(options.entry == Entry::App);
    let artifact = watch(&mut child, packages, options.progress);
    let status = child.wait().map_err(no_program)?;
    let words = words.join().unwrap_or_default();
    if !status.success() {
        return Err(match options.entry {
            Entry::App if lacks_app(&words, &crate_.app.app) => BuildError::NoApp {
                package: crate_.app.name.clone(),
                app: crate_.app.app.clone(),
            },
            _ => BuildError::Compile(words),
        });
    }
    match artifact {
        Some(module) => Ok(Compiled {
            module,
            warnings: words,
        }),
        None => Err(BuildError::NoModule {
            package: crate_.app.name.clone(),
        }),
    }
}

/// The one error that is not in the user's code but in the wrapper's: it names the app's crate `app`.
fn lacks_app(words: &str, app: &str) -> bool {
    let name = app.rsplit("::").next().unwrap_or(app);
    let is_lacking = words.contains(&format!("`{name}` in crate `app`"));
    is_lacking || words.contains(&format!("`{name}` is private"))
}

fn command(
    manifest: &Path,
    toolchain: Toolchain,
    build_dir: &Path,
    options: &BuildOptions<'_>,
) -> Command {
    let mut command = Command::new(program());
    forget_surroundings(&mut command);
    command
        .args(["build", "--lib", "--quiet", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .args(["--color", if options.color { "always" } else { "never" }])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(build_dir);
    let profile = if options.release {
        command.arg("--release");
        FAST
    } else {
        QUICK
    };
    for setting in profile {
        command.args(["--config", setting]);
    }
    if toolchain == Toolchain::FromSource {
        // Stable cargo has the switch too, for those who say that they know what they do.
        command
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1");
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Reads what cargo and the compiler say to people, beside what they say to us.
fn listen(child: &mut Child) -> thread::JoinHandle<String> {
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let mut words = Vec::new();
        if let Some(mut stderr) = stderr {
            // What a broken pipe cuts off is only missing from what is shown.
            let _ = (&mut stderr).take(WORDS_BYTES_MAX).read_to_end(&mut words);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        }
        String::from_utf8_lossy(&words).trim_end().to_owned()
    })
}

/// Counts the packages that are done, and finds the module.
fn watch(child: &mut Child, packages: usize, progress: &dyn Fn(Progress<'_>)) -> Option<PathBuf> {
    let mut done = BTreeSet::new();
    let mut module = None;
    let stdout = child.stdout.take()?;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(&line) else {
            continue;
        };
        if done.insert(artifact.package_id) {
            progress(Progress::Compiling {
                done: done.len(),
                total: packages.max(done.len()),
                name: &artifact.target.name,
            });
        }
        // A dependency may be a `cdylib` too: the crate itself comes last.
        let mut files = artifact.filenames.into_iter();
        let is_module = |file: &PathBuf| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        };
        module = files.find(is_module).or(module);
    }
    module
}

/// The cargo that runs this program, or the first one.
pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Flags that were meant for another build, mostly the one whose test or script runs this.
pub(crate) fn forget_surroundings(command: &mut Command) {
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CARGO_MANIFEST_DIR",
        "CARGO_PKG_NAME",
    ] {
        command.env_remove(name);
    }
}

/// Why cargo, rustc or rustup failed, in its own words from its error on: not that it is one, which whoever shows it
/// says.
pub(crate) fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let text = text.trim_end();
    let start = text.lines().find(|line| line.starts_with(ERROR));
    let said = start.and_then(|line| text.find(line));
    let said = said.map_or(text, |at| &text[at + ERROR.len()..]);
    said.to_owned()
}

pub(crate) fn no_program(source: std::io::Error) -> BuildError {
    BuildError::Program {
        program: program().to_string_lossy().into_owned(),
        source,
    }
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_begins_with_what_is_wrong() {
        for (said, shown) in [
            ("error: no such thing\n", "no such thing"),
            (
                "    Updating index\nerror: failed\n\nCaused by:\n  error: why\n",
                "failed\n\nCaused by:\n  error: why",
            ),
            ("rustc: not found\n", "rustc: not found"),
            ("", ""),
        ] {
            assert_eq!(complaint(said.as_bytes()), shown);
        }
    }
}
