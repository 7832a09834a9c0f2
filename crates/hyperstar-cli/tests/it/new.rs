//! `new`, and what it makes: each template is built, run and tested.

use std::fs;
use std::path::Path;

use crate::support::listing;
use crate::workshop::Workshop;

#[test]
fn a_new_app_is_a_folder_and_says_how_to_go_on() {
    let workshop = Workshop::new();
    let said = workshop.read(&["new", "tea-room"]);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let checkout = checkout.canonicalize().unwrap();
    assert_eq!(
        said,
        format!(
            "made tea-room, an app of the template `counter`\n  \
             it depends on the checkout of Hyperstar in {}; `--path` names another\n\n  \
             cd tea-room\n  \
             hyperstar bs      # builds and runs it on your node, and says where\n  \
             hyperstar run     # runs it as a program of its own, and follows changes\n",
            checkout.display()
        )
    );
    assert_eq!(
        listing(&workshop.path("tea-room")),
        [
            ".gitignore",
            "Cargo.toml",
            "README.md",
            "src",
            "tests",
            "ui"
        ]
    );
    let manifest = fs::read_to_string(workshop.path("tea-room/Cargo.toml")).unwrap();
    assert!(manifest.contains("app = \"TeaRoom\""), "{manifest}");
    assert!(
        manifest.contains("crates/hyperstar-process\""),
        "{manifest}"
    );
    let code = fs::read_to_string(workshop.path("tea-room/src/lib.rs")).unwrap();
    assert!(code.contains("#[hyperapp(name = \"Tea Room\""), "{code}");
}

#[test]
fn what_cannot_be_made_is_refused_with_a_remedy() {
    let workshop = Workshop::new();
    fs::create_dir(workshop.path("taken")).unwrap();
    let cases: [(&[&str], &str); 6] = [
        (
            &["new", "taken"],
            "error: `taken` is there already; choose another name, or remove it\n",
        ),
        (
            &["new", "Tea Room"],
            "error: `Tea Room` is no name of an app; take small letters, digits, `-` and `_`, a letter first, such as \
             `tea-room`\n",
        ),
        (
            &["new", "../up"],
            "error: `../up` is no name of an app; take small letters, digits, `-` and `_`, a letter first, such as \
             `tea-room`\n",
        ),
        (
            &["new", "test"],
            "error: `test` means something to Rust or cargo already; take another name, such as `test-app`\n",
        ),
        (
            &["new", "a234567890b234567890c234567890d234567890e"],
            "error: `a234567890b234567890c234567890d234567890e` is too long; an app's name has at most 40 characters\n",
        ),
        (
            &["new", "demo", "--path", "taken"],
            "error: `taken` is no checkout of Hyperstar: there is no `crates/hyperstar-process` in it; name the folder \
             that was cloned, or leave `--path` out\n",
        ),
    ];
    for (arguments, expected) in cases {
        assert_eq!(workshop.refusal(arguments), expected, "{arguments:?}");
    }
    assert_eq!(listing(&workshop.path("")), [".cargo", "taken"]);
    assert_eq!(
        workshop.run(&["new", "demo", "-t", "tea"]).status.code(),
        Some(2)
    );
}

fn check(template: &str, pages: &str) {
    let workshop = Workshop::new();
    let name = format!("a-{template}");
    workshop.app(&name, template);
    let said = workshop.read(&["test", &name, "--", "--show-output"]);
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(
        last,
        format!("ok: its tests pass; as a component it starts, and shows {pages}")
    );
    assert!(said.contains("test result: ok"), "{said}");
}

#[test]
fn the_template_blank_holds_what_it_promises() {
    check("blank", "1 page");
}

#[test]
fn the_template_counter_holds_what_it_promises() {
    check("counter", "1 page");
}

#[test]
fn the_template_chat_holds_what_it_promises() {
    check("chat", "1 page");
}

#[test]
fn the_template_rpc_holds_what_it_promises() {
    check("rpc", "1 page");
}

#[test]
fn an_app_whose_tests_fail_is_said_to() {
    let workshop = Workshop::new();
    workshop.app("a-failure", "blank");
    workshop.edit("a-failure/tests/app.rs", "<h1>", "<h2>");
    // What follows is for the tests: none is run that is called so.
    workshop.read(&["test", "a-failure", "--", "nothing-is-called-so"]);
    let output = workshop.run(&["test", "a-failure"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.ends_with("error: the tests of `a-failure` fail; they say above why\n"),
        "{said}"
    );
}
