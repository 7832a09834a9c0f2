//! What can go wrong in a build.

use std::path::PathBuf;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no crate in the folder, or its manifest cannot be used.
    #[error("{0}")]
    Manifest(String),
    /// A key of `[package.metadata.hyperstar]` is wrong.
    #[error("`[package.metadata.hyperstar]` in {}: {what}", manifest.display())]
    Metadata {
        /// The file.
        manifest: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The crate lacks what a component needs.
    #[error(
        "`{package}` does not depend on `hyperstar-process`, which makes a process of it; \
         `cargo add hyperstar-process`"
    )]
    NoSdk {
        /// The crate.
        package: String,
    },
    /// There is no compiler for WebAssembly.
    #[error(
        "this Rust ({}) has no standard library for `wasm32-unknown-unknown`{tried}\n\
         with rustup: `rustup target add wasm32-unknown-unknown`\n\
         otherwise: the package of your system that has it for this very version of Rust; or the \
         sources of the standard library (`rust-src`) and `lld`, with which it is compiled along",
        sysroot.display()
    )]
    NoToolchain {
        /// Where the compiler is.
        sysroot: PathBuf,
        /// What was tried to get it, and how that ended.
        tried: String,
    },
    /// A program cannot be run.
    #[error("`{program}` cannot be run; install Rust from https://rustup.rs")]
    Program {
        /// Which one.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The compiler found errors: its own words.
    #[error("{0}")]
    Compile(String),
    /// The crate has no such struct.
    #[error(
        "`{package}` has no public `{app}` for a process to be made of; name the struct with `#[hyperapp]` \
         in its `Cargo.toml`: `[package.metadata.hyperstar]`, `app = \"..\"`"
    )]
    NoApp {
        /// The crate.
        package: String,
        /// The struct.
        app: String,
    },
    /// Cargo compiled, but no `cdylib`.
    #[error(
        "`{package}` makes no WebAssembly module; give its `Cargo.toml` `[lib] crate-type = [\"cdylib\"]`"
    )]
    NoModule {
        /// The crate.
        package: String,
    },
    /// The module is not one that a component can be made of.
    #[error(
        "the module cannot become a component: {0}\n\
         mostly a dependency expects a browser or the system, which no process is given; \
         `cargo tree --target wasm32-unknown-unknown` shows them"
    )]
    Encode(String),
    /// The component wants more than a process is given.
    #[error(
        "the component imports {imports}, which no process is given; some dependency uses the system: \
         `cargo tree --target wasm32-unknown-unknown` shows them, mostly a feature switches it off"
    )]
    Imports {
        /// What it imports.
        imports: String,
    },
    /// A file cannot be read or written.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
