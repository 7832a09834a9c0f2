//! Builds a Hyperstar app's crate into a WebAssembly component.
//!
//! The app is a plain library crate. [`build`] writes a small crate around it that exports it as a
//! process, compiles that with cargo for `wasm32-unknown-unknown`, and encodes the module as a component
//! that imports nothing but `hyperstar:process/sys`. The same crate still runs natively.
//!
//! ```no_run
//! use hyperstar_build::{BuildOptions, build};
//!
//! let built = build(&BuildOptions::new("apps/counter"))?;
//! println!("{} has {} bytes", built.component.display(), built.bytes.len());
//! # Ok::<(), hyperstar_build::BuildError>(())
//! ```
//!
//! What an app may say in its `Cargo.toml`, with what is taken if it says nothing:
//!
//! ```toml
//! [package.metadata.hyperstar]
//! app = "Counter"           # the struct with #[hyperapp]: the crate's name in CamelCase
//! process = "counter"       # its address is process:package:publisher
//! package = "counter"
//! publisher = "local"
//! icon = "🔢"               # none
//! default-features = true   # how the component uses the crate
//! features = []
//! ```

mod app;
mod cargo;
mod encode;
mod error;
mod files;
mod toolchain;
mod wrapper;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

pub use app::App;
pub use error::BuildError;

/// What is built, and how.
pub struct BuildOptions<'a> {
    /// The folder of the crate's `Cargo.toml`.
    pub manifest_dir: PathBuf,
    /// Small and fast, slowly built; otherwise quickly built.
    pub release: bool,
    /// Where build output goes. None: where cargo puts that of the crate.
    pub target_dir: Option<PathBuf>,
    /// Where what is compiled goes, for apps to share: the second one compiles only itself. None: with the rest of
    /// the output.
    pub build_dir: Option<PathBuf>,
    /// Features of the crate beside those that it names itself.
    pub features: Vec<String>,
    /// What the crate is.
    pub entry: Entry,
    /// Whether what the compiler says is coloured.
    pub color: bool,
    /// Told what happens, from the calling thread.
    pub progress: &'a dyn Fn(Progress<'_>),
}

impl BuildOptions<'_> {
    /// A quick build of the app in a folder, without progress.
    pub fn new(manifest_dir: impl Into<PathBuf>) -> Self {
        Self {
            manifest_dir: manifest_dir.into(),
            release: false,
            target_dir: None,
            build_dir: None,
            features: Vec::new(),
            entry: Entry::App,
            color: false,
            progress: &|_| {},
        }
    }
}

impl fmt::Debug for BuildOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildOptions")
            .field("manifest_dir", &self.manifest_dir)
            .field("release", &self.release)
            .field("target_dir", &self.target_dir)
            .field("build_dir", &self.build_dir)
            .field("features", &self.features)
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

/// What a crate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A library with an app: it is wrapped.
    App,
    /// A `cdylib` with bindings of its own: it is compiled as it is, and may import what it likes.
    Own,
}

/// What happens during a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The compiler's part for WebAssembly is fetched.
    AddingTarget(&'a str),
    /// Another build is under way in the same folder: this one begins when that one ends.
    Waiting,
    /// Packages are compiled, or found compiled.
    Compiling {
        /// How many are done.
        done: usize,
        /// How many there are.
        total: usize,
        /// The last one.
        name: &'a str,
    },
    /// The module becomes a component.
    Encoding,
}

/// A component.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Built {
    /// Its file.
    pub component: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub hash: [u8; 32],
    /// What the crate says of itself.
    pub app: App,
    /// What the compiler warned of.
    pub warnings: String,
    /// How long it took.
    pub took: Duration,
}

/// Builds a crate into a component.
///
/// Builds that share a target folder wait for each other. Nothing is left half written.
///
/// # Errors
/// The crate is none, or has errors, which are passed on as cargo shows them; or there is no compiler for
/// WebAssembly: the error says how to get it.
pub fn build(options: &BuildOptions<'_>) -> Result<Built, BuildError> {
    let began = Instant::now();
    let mut crate_ = app::read(&options.manifest_dir)?;
    crate_.features.extend_from_slice(&options.features);
    let toolchain = toolchain::find(&crate_.manifest_dir, options.progress)?;
    let target_dir = match &options.target_dir {
        Some(target_dir) => files::absolute(target_dir)?,
        None => crate_.target_dir.clone(),
    };
    let output = target_dir.join("hyperstar");
    let manifest = match options.entry {
        Entry::App => wrapper::write(&crate_, &output)?,
        Entry::Own => crate_.manifest_dir.join("Cargo.toml"),
    };
    let build_dir = match &options.build_dir {
        Some(build_dir) => files::absolute(build_dir)?,
        None => output.join("build"),
    };
    // Until the module is read: that of another app of this name would take its place.
    let lock = files::lock(&build_dir, || (options.progress)(Progress::Waiting))?;
    let compiled = cargo::compile(&crate_, &manifest, toolchain, &build_dir, options)?;
    let module = files::read(&compiled.module)?;
    drop(lock);
    (options.progress)(Progress::Encoding);
    let bytes = encode::component(&module, options.entry)?;
    let profile = if options.release { "release" } else { "dev" };
    let file = format!("{}.wasm", crate_.app.name);
    let component = output.join(profile).join(file);
    files::write_if_differs(&component, &bytes)?;
    Ok(Built {
        component,
        hash: Sha256::digest(&bytes).into(),
        bytes,
        app: crate_.app,
        warnings: compiled.warnings,
        took: began.elapsed(),
    })
}

/// What the crate in a folder says of itself, without building it.
///
/// # Errors
/// As [`build`], if there is no crate, or one that is no app.
pub fn app(manifest_dir: &Path) -> Result<App, BuildError> {
    let crate_ = app::read(manifest_dir)?;
    crate_.sdk()?;
    Ok(crate_.app)
}

/// The folders of the crates that an app is built of and that lie on this machine, its own first: a change of
/// a file there is a reason to build anew.
///
/// # Errors
/// As [`build`], if there is no crate.
pub fn folders(manifest_dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    Ok(app::read(manifest_dir)?.folders)
}
