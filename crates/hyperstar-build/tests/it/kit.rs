//! Copies of the fixtures.

use std::fs;
use std::path::{Path, PathBuf};

use hyperstar_build::{BuildError, BuildOptions, Built, build};
use tempfile::TempDir;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// A workspace with the app `demo-app` under a name of its own: builds share a target folder, so that
/// dependencies are compiled once.
pub(crate) struct Demo {
    folder: TempDir,
}

impl Demo {
    pub(crate) fn named(name: &str) -> Self {
        let demo = Self {
            folder: TempDir::new().unwrap(),
        };
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for file in [
            "Cargo.toml",
            "Cargo.lock",
            "demo/Cargo.toml",
            "demo/src/lib.rs",
            "sdk/Cargo.toml",
            "sdk/src/lib.rs",
        ] {
            let to = demo.root().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(fixtures.join(file), to).unwrap();
        }
        fs::write(
            demo.root().join("sdk/src/component-type.bin"),
            component_type(),
        )
        .unwrap();
        demo.edit("Cargo.lock", "demo-app", name);
        demo.edit("demo/Cargo.toml", "demo-app", name);
        demo
    }

    /// Its manifest names its struct.
    pub(crate) fn with_struct(name: &str) -> Self {
        let demo = Self::named(name);
        let table = "[package.metadata.hyperstar]\napp = \"DemoApp\"\n\n[features]";
        demo.edit("demo/Cargo.toml", "[features]", table);
        demo
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.root().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    pub(crate) fn options(&self) -> BuildOptions<'static> {
        BuildOptions {
            target_dir: Some(env!("CARGO_TARGET_TMPDIR").into()),
            ..BuildOptions::new(self.root().join("demo"))
        }
    }

    pub(crate) fn build(&self) -> Built {
        match self.try_build() {
            Ok(built) => built,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn try_build(&self) -> Result<Built, BuildError> {
        build(&self.options())
    }
}

/// What the bindings of a guest say of its world, in a section of the module.
fn component_type() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit =
        "package hyperstar:process@0.1.0; world process { export describe: func() -> string; }";
    let package = resolve.push_str("process.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("process")).unwrap();
    wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None).unwrap()
}
