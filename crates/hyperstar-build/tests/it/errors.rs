//! What is said when there is nothing to make.

use std::fs;

use hyperstar_build::{BuildError, BuildOptions, Entry, app, build};

use crate::kit::Demo;

#[test]
fn errors_of_the_source_are_passed_on_as_they_are() {
    let demo = Demo::with_struct("wrong-demo");
    demo.edit("demo/src/lib.rs", "name.to_owned()", "name.to_ownd()");
    let error = demo.try_build().unwrap_err();
    assert!(matches!(error, BuildError::Compile(_)));
    let text = error.to_string();
    assert!(text.contains("no method named `to_ownd` found"), "{text}");
    assert!(text.contains("src/lib.rs:11"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    let colored = build(&BuildOptions {
        color: true,
        ..demo.options()
    });
    assert!(colored.unwrap_err().to_string().contains('\x1b'));
}

#[test]
fn a_missing_struct_is_named() {
    let text = Demo::named("nameless-demo")
        .try_build()
        .unwrap_err()
        .to_string();
    assert!(text.contains("`NamelessDemo`"), "{text}");
    assert!(text.contains("[package.metadata.hyperstar]"), "{text}");
}

#[test]
fn a_wrong_manifest_is_named() {
    for (table, expected) in [
        (
            "ap = \"DemoApp\"",
            "unknown field `ap`, expected one of `app`",
        ),
        ("app = 3", "expected a string"),
        (
            "app = \"Demo; App\"",
            "`app = \"Demo; App\"` names no struct",
        ),
        ("app = \"\"", "names no struct"),
        ("app = \"a::3b\"", "names no struct"),
        (
            "process = \"a:b\"",
            "`process = \"a:b\"` is no part of an address",
        ),
        ("publisher = \"\"", "is no part of an address"),
    ] {
        let demo = Demo::named("keyed-demo");
        let table = format!("[package.metadata.hyperstar]\n{table}\n\n[features]");
        demo.edit("demo/Cargo.toml", "[features]", &table);
        let text = demo.try_build().unwrap_err().to_string();
        assert!(text.contains(expected), "{table}: {text}");
        assert!(text.contains("demo/Cargo.toml"), "{table}: {text}");
    }
    let demo = Demo::named("broken-demo");
    demo.edit("demo/Cargo.toml", "[package]", "[package");
    let text = demo.try_build().unwrap_err().to_string();
    assert!(text.contains("Cargo.toml:1:9"), "{text}");
    assert!(!text.starts_with("error"), "{text}");
}

#[test]
fn what_is_no_app_is_named() {
    let demo = Demo::named("lonely-demo");
    let nowhere = build(&BuildOptions::new(demo.root().join("nowhere")));
    let text = nowhere.unwrap_err().to_string();
    assert!(text.contains("there is no `Cargo.toml`"), "{text}");
    let workspace = build(&BuildOptions::new(demo.root()));
    let text = workspace.unwrap_err().to_string();
    assert!(text.contains("name the folder of one app"), "{text}");
    demo.edit(
        "demo/Cargo.toml",
        "hyperstar-process = { path = \"../sdk\" }",
        "",
    );
    for refused in [
        demo.try_build().map(|built| built.app),
        app(&demo.root().join("demo")),
    ] {
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("`cargo add hyperstar-process`"), "{text}");
    }
    let library = build(&BuildOptions {
        entry: Entry::Own,
        ..demo.options()
    });
    let text = library.unwrap_err().to_string();
    assert!(text.contains("crate-type = [\"cdylib\"]"), "{text}");
}

#[test]
fn an_app_that_expects_a_browser_is_named() {
    let demo = Demo::named("demo-browser");
    let source = demo.root().join("demo/src/lib.rs");
    fs::write(
        source,
        "pub struct DemoBrowser;\n\
         #[link(wasm_import_module = \"browser\")]\n\
         unsafe extern \"C\" { fn alert(); }\n\
         impl DemoBrowser {\n\
             pub fn describe() -> String { unsafe { alert() }; String::new() }\n\
         }\n",
    )
    .unwrap();
    let error = demo.try_build().unwrap_err();
    assert!(matches!(error, BuildError::Encode(_)));
    let text = error.to_string();
    assert!(text.contains("browser"), "{text}");
    assert!(text.contains("cargo tree"), "{text}");
}
