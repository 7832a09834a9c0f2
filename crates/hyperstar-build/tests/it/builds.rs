//! What a build makes.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use hyperstar_build::{BuildOptions, Progress, build};
use sha2::{Digest, Sha256};
use wit_component::DecodedWasm;

use crate::kit::Demo;

#[test]
fn an_app_becomes_a_component() {
    let built = Demo::with_struct("plain-demo").build();
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&built.bytes).unwrap()
    else {
        panic!("it is no component");
    };
    let world = &resolve.worlds[world];
    assert!(world.imports.is_empty());
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key));
    assert_eq!(exports.collect::<Vec<_>>(), ["describe"]);
    assert_eq!(fs::read(&built.component).unwrap(), built.bytes);
    assert_eq!(built.hash[..], Sha256::digest(&built.bytes)[..]);
    assert_eq!(built.warnings, "");
}

#[test]
fn the_manifest_says_what_the_app_is_called() {
    let demo = Demo::named("named-demo");
    demo.edit("demo/src/lib.rs", "DemoApp", "Other");
    let manifest = demo.root().join("demo/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let table = "\n[package.metadata.hyperstar]\napp = \"inner::Other\"\nprocess = \"p\"\n\
                 package = \"q\"\npublisher = \"r.os\"\nicon = \"🔢\"\ndefault-features = false\n";
    fs::write(&manifest, text + table).unwrap();
    demo.edit(
        "demo/src/lib.rs",
        "pub struct Other;",
        "pub struct Other;\npub mod inner {\n    pub use super::Other;\n}",
    );
    let built = demo.build();
    let app = &built.app;
    assert_eq!(
        [
            &app.name,
            &app.version,
            &app.app,
            &app.process,
            &app.package,
            &app.publisher
        ],
        ["named-demo", "1.2.3", "inner::Other", "p", "q", "r.os"]
    );
    assert_eq!(app.icon.as_deref(), Some("🔢"));
}

#[test]
fn without_a_word_the_crate_gives_the_names() {
    let built = Demo::named("demo-app").build();
    let app = &built.app;
    assert_eq!(
        [&app.app, &app.process, &app.package, &app.publisher],
        ["DemoApp", "demo-app", "demo-app", "local"]
    );
    assert_eq!(app.icon, None);
}

#[test]
fn a_build_follows_the_source_and_touches_nothing_else() {
    let demo = Demo::with_struct("changing-demo");
    let first = demo.build();
    let wrapper = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hyperstar/wrappers/changing-demo");
    let times = || {
        ["Cargo.toml", "lib.rs", "Cargo.lock"].map(|file| {
            fs::metadata(wrapper.join(file))
                .unwrap()
                .modified()
                .unwrap()
        })
    };
    let before = times();
    let component_time = || fs::metadata(&first.component).unwrap().modified().unwrap();
    let component_before = component_time();
    assert_eq!(demo.build().hash, first.hash);
    assert_eq!(component_time(), component_before);
    demo.edit("demo/src/lib.rs", "the demo", "the other demo");
    let changed = demo.build();
    assert_ne!(changed.hash, first.hash);
    assert_eq!(times(), before);
}

#[test]
fn apps_share_what_is_compiled_and_nothing_else() {
    let shared = tempfile::tempdir().unwrap();
    let of = |demo: &Demo| {
        let own = demo.root().join("target");
        let built = build(&BuildOptions {
            target_dir: Some(own.clone()),
            build_dir: Some(shared.path().to_owned()),
            ..demo.options()
        });
        let built = built.unwrap();
        assert!(built.component.starts_with(&own));
        assert!(!own.join("hyperstar/build").exists());
        built.hash
    };
    // The same name, and another app.
    let (one, other) = (
        Demo::with_struct("twin-demo"),
        Demo::with_struct("twin-demo"),
    );
    other.edit("demo/src/lib.rs", "the demo", "the other demo");
    let (first, second) = (of(&one), of(&other));
    assert_ne!(first, second);
    assert_eq!((of(&one), of(&other)), (first, second));
}

#[test]
fn a_release_is_smaller() {
    let demo = Demo::with_struct("small-demo");
    let quick = demo.build();
    let small = build(&BuildOptions {
        release: true,
        ..demo.options()
    });
    let small = small.unwrap();
    assert!(small.bytes.len() < quick.bytes.len());
    assert_ne!(small.component, quick.component);
}

#[test]
fn warnings_are_handed_on() {
    let demo = Demo::with_struct("warning-demo");
    demo.edit(
        "demo/src/lib.rs",
        "let name",
        "let unused = 1;\n        let name",
    );
    let built = demo.build();
    assert!(
        built.warnings.contains("unused variable: `unused`"),
        "{}",
        built.warnings
    );
    // Again, though nothing is compiled.
    assert_eq!(demo.build().warnings, built.warnings);
}

#[test]
fn progress_counts_to_its_end() {
    let demo = Demo::with_struct("counting-demo");
    let told = RefCell::new(Vec::new());
    let progress = |progress: Progress<'_>| {
        let counts = match progress {
            Progress::Compiling { done, total, .. } => (done, total),
            Progress::Encoding => (0, 0),
            _ => return,
        };
        told.borrow_mut().push(counts);
    };
    build(&BuildOptions {
        progress: &progress,
        ..demo.options()
    })
    .unwrap();
    assert_eq!(told.into_inner(), [(1, 3), (2, 3), (3, 3), (0, 0)]);
}

#[test]
fn the_folders_of_an_app_are_its_own_and_those_of_its_dependencies() {
    let demo = Demo::named("watched-demo");
    let folder = demo.root().join("demo");
    let folders = hyperstar_build::folders(&folder).unwrap();
    let known = |path: &Path| path.canonicalize().unwrap();
    let folders: Vec<_> = folders.iter().map(|folder| known(folder)).collect();
    assert_eq!(folders, [known(&folder), known(&demo.root().join("sdk"))]);
}
