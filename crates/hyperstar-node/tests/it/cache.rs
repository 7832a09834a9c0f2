//! The folder of compiled components.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hyperstar_node::{Component, Engine, EngineConfig, EngineError, LoadOptions, Program};
use tempfile::TempDir;

use crate::handmade::Handmade;
use crate::kit::{config, start};

fn engine(folder: &Path) -> Result<Engine, EngineError> {
    Engine::new(EngineConfig {
        cache: Some(folder.to_owned()),
        ..config()
    })
}

async fn load(folder: &Path, bytes: &[u8]) -> Component {
    let engine = engine(folder).unwrap();
    engine.load(bytes, LoadOptions::default()).await.unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A folder below one that only the owner may enter.
fn folder() -> (TempDir, PathBuf) {
    let outer = TempDir::new().unwrap();
    let folder = outer.path().join("code");
    (outer, folder)
}

#[tokio::test]
async fn a_component_is_compiled_once() {
    let (_outer, folder) = folder();
    let bytes = Handmade::default().component();
    assert!(!load(&folder, &bytes).await.is_from_cache());
    let again = load(&folder, &bytes).await;
    assert!(again.is_from_cache());
    assert_eq!(again.interface().name, "Handmade");
    assert!(start(&again).await.send("x", "").await.is_ok());
    let other = Handmade {
        memory: "2",
        ..Handmade::default()
    };
    assert!(!load(&folder, &other.component()).await.is_from_cache());
    assert_eq!(files(&folder).len(), 2);
}

#[tokio::test]
async fn a_damaged_file_is_compiled_anew() {
    let (_outer, folder) = folder();
    let bytes = Handmade::default().component();
    load(&folder, &bytes).await;
    let file = files(&folder).remove(0);
    let whole = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("empty", Vec::new()),
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("cut in the head", whole[..20].to_vec()),
        ("longer", [&whole[..], b"x"].concat()),
        ("another magic", flipped(0)),
        ("another hash", flipped(20)),
        ("another byte of code", flipped(whole.len() / 2)),
        ("garbage", vec![7; whole.len()]),
    ];
    for (name, damaged) in cases {
        fs::write(&file, damaged).unwrap();
        assert!(!load(&folder, &bytes).await.is_from_cache(), "{name}");
        assert!(load(&folder, &bytes).await.is_from_cache(), "{name}");
    }
}

#[tokio::test]
async fn a_file_of_another_component_is_not_taken() {
    let (_outer, folder) = folder();
    let bytes = Handmade::default().component();
    load(&folder, &bytes).await;
    let file = files(&folder).remove(0);
    let other = Handmade {
        memory: "2",
        ..Handmade::default()
    };
    let other = other.component();
    load(&folder, &other).await;
    let other_file = files(&folder).into_iter().find(|path| *path != file);
    fs::copy(&file, other_file.unwrap()).unwrap();
    assert!(!load(&folder, &other).await.is_from_cache());
}

#[tokio::test]
async fn an_engine_with_other_settings_compiles_for_itself() {
    let (_outer, folder) = folder();
    let bytes = Handmade::default().component();
    load(&folder, &bytes).await;
    let engine = Engine::new(EngineConfig {
        cache: Some(folder.clone()),
        stack_bytes_max: 128 << 10,
        memory_bytes_max: 32 << 20,
        ..config()
    });
    let loaded = engine.unwrap().load(&bytes, LoadOptions::default()).await;
    // Which settings matter is wasmtime's to say; that it runs is ours.
    let mut process = start(&loaded.unwrap()).await;
    assert!(process.send("x", "").await.is_ok());
}

#[tokio::test]
async fn the_folder_must_be_private() {
    let (_outer, folder) = folder();
    engine(&folder).unwrap();
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    for mode in [0o770, 0o702, 0o750] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let error = engine(&folder).err().unwrap().to_string();
        assert!(error.contains("is open to others"), "{mode:o}: {error}");
        assert!(error.contains("chmod 700"), "{mode:o}: {error}");
    }
    let link = folder.with_file_name("link");
    std::os::unix::fs::symlink("code", &link).unwrap();
    let error = engine(&link).err().unwrap().to_string();
    assert!(error.contains("is not a folder"), "{error}");
}

#[tokio::test]
async fn a_folder_that_was_opened_to_others_is_passed_over() {
    let (_outer, folder) = folder();
    let bytes = Handmade::default().component();
    let engine = engine(&folder).unwrap();
    let load = || engine.load(&bytes, LoadOptions::default());
    load().await.unwrap();
    assert!(load().await.unwrap().is_from_cache());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(!load().await.unwrap().is_from_cache());
}

#[tokio::test]
async fn what_was_unused_longest_goes_first() {
    let (_outer, folder) = folder();
    let component = |memory| {
        Handmade {
            memory,
            ..Handmade::default()
        }
        .component()
    };
    load(&folder, &component("1")).await;
    let code_bytes = fs::metadata(files(&folder).remove(0)).unwrap().len();
    let engine = Engine::new(EngineConfig {
        cache: Some(folder.clone()),
        cache_bytes_max: code_bytes * 5 / 2,
        ..config()
    });
    let engine = engine.unwrap();
    let load = async |memory| {
        let bytes = component(memory);
        engine.load(&bytes, LoadOptions::default()).await.unwrap()
    };
    load("2").await;
    assert!(load("1").await.is_from_cache());
    load("3").await;
    assert_eq!(files(&folder).len(), 2);
    assert!(load("1").await.is_from_cache());
    assert!(!load("2").await.is_from_cache());
}
