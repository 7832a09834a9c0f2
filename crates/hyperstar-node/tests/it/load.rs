//! What is loaded, and what is refused.

use hyperstar_node::{Engine, EngineConfig, LoadError, LoadOptions};

use crate::handmade::Handmade;
use crate::kit::{config, engine, probe, start};

async fn refusal(bytes: &[u8]) -> LoadError {
    engine()
        .load(bytes, LoadOptions::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn what_is_no_component_says_what_to_do() {
    let module = wat::parse_str("(module)").unwrap();
    let cases: [(&[u8], &str); 5] = [
        (b"", "this is no WebAssembly component"),
        (
            b"hello, hello, hello",
            "build the app with `hyperstar build`",
        ),
        (b"\0asm", "this is no WebAssembly component"),
        (
            b"\0asm\x0d\0\x01\0\xff\xff\xff\xff\x0f",
            "this is no WebAssembly component",
        ),
        (&module, "`hyperstar build` makes a component of the app"),
    ];
    for (bytes, expected) in cases {
        let text = refusal(bytes).await.to_string();
        assert!(text.contains(expected), "{bytes:?}: {text}");
    }
}

#[tokio::test]
async fn what_wants_more_than_sys_is_refused() {
    for (import, remedy) in [
        (
            "evil:net/sockets@1.0.0",
            "call other processes through the SDK",
        ),
        ("wasi:filesystem/types@0.2.0", "load it with `stub_wasi`"),
        ("hyperstar:other/sys@0.1.0", "call other processes"),
    ] {
        let text = format!(r#"(component (import "{import}" (instance)))"#);
        let error = refusal(&wat::parse_str(text).unwrap()).await;
        assert!(matches!(&error, LoadError::Import { name, .. } if name == import));
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_process_is_refused() {
    for text in [
        "(component)".to_owned(),
        // `sys` with a function that it does not have.
        r#"(component (import "hyperstar:process/sys@0.1.0"
            (instance (export "steal" (func)))))"#
            .to_owned(),
        // `sys` with a function of another type.
        r#"(component (import "hyperstar:process/sys@0.1.0"
            (instance (export "now-ms" (func (result string))))))"#
            .to_owned(),
    ] {
        let error = refusal(&wat::parse_str(&text).unwrap()).await;
        assert!(matches!(error, LoadError::Interface(_)), "{text}: {error}");
    }
}

#[tokio::test]
async fn bombs_are_refused_before_they_are_compiled() {
    let nested = (0..10).fold("(component)".to_owned(), |inner, _| {
        format!("(component {inner})")
    });
    let cases = [
        (
            format!(
                "(component (core module {}))",
                "(type (func))".repeat(50_001)
            ),
            "50001 types",
        ),
        (
            format!(
                "(component (core module (func {})))",
                "nop ".repeat((1 << 20) + 1)
            ),
            "bytes in one function",
        ),
        (
            format!("(component {})", "(core module)".repeat(129)),
            "129 modules",
        ),
        (nested, "components within each other"),
    ];
    for (text, expected) in cases {
        let error = refusal(&wat::parse_str(&text).unwrap()).await;
        assert!(error.to_string().contains(expected), "{error}");
    }
    let small = Engine::new(EngineConfig {
        component_bytes_max: 100,
        ..config()
    });
    let loaded = small.unwrap().load(&[0; 101], LoadOptions::default()).await;
    let error = loaded.unwrap_err().to_string();
    assert!(error.contains("101 bytes"), "{error}");
}

#[tokio::test]
async fn a_damaged_component_is_an_error_or_another_component() {
    let whole = Handmade::default().component();
    let mut complete_count = 0;
    for bytes_left in 0..whole.len() {
        let loaded = engine().load(&whole[..bytes_left], LoadOptions::default());
        complete_count += usize::from(loaded.await.is_ok());
    }
    // The sections at the end only name things.
    assert!(complete_count < 5, "{complete_count}");
    // Flips reach the checks, the compiler and the guest: none may take the engine along.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut loaded_count = 0;
    for _ in 0..400 {
        let mut bytes = whole.clone();
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let bit = usize::try_from(seed % (bytes.len() as u64 * 8)).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let loaded = engine().load(&bytes, LoadOptions::default()).await;
        loaded_count += usize::from(loaded.is_ok());
    }
    assert!((1..400).contains(&loaded_count), "{loaded_count}");
    let mut process = start(&probe().await).await;
    assert_eq!(process.ask("echo", "still here").await, "still here");
}
