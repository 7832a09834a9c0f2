//! Processes written as WebAssembly text, which do what no compiler would.

use hyperstar_interface::Interface;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// A process that does nothing, but for what is given.
pub(crate) struct Handmade<'a> {
    /// What it says it is.
    pub(crate) interface: Interface,
    /// The memory's limits, in pages.
    pub(crate) memory: &'a str,
    /// More items of the module.
    pub(crate) items: &'a str,
    /// The body of `describe`: leaves an i32.
    pub(crate) describe: &'a str,
    /// The body of `turn`: has two parameters, leaves an i32.
    pub(crate) turn: &'a str,
    /// The body of `cabi_realloc`: has four parameters, leaves an i32.
    pub(crate) realloc: &'a str,
}

impl Default for Handmade<'_> {
    fn default() -> Self {
        Self {
            interface: Interface::new("Handmade"),
            memory: "1",
            items: "",
            describe: "(i32.const 32)",
            turn: "(i32.const 64)",
            realloc: "(i32.const 8192)",
        }
    }
}

impl Handmade<'_> {
    /// At 32 lies what `describe` returns, at 64 an empty turn, at 96 an
    /// empty list, at 128 a start that succeeded.
    pub(crate) fn component(&self) -> Vec<u8> {
        let Handmade {
            interface,
            memory,
            items,
            describe,
            turn,
            realloc,
        } = self;
        let interface = serde_json::to_string(interface).unwrap();
        let [low, high] = u16::try_from(interface.len()).unwrap().to_le_bytes();
        let interface = interface.replace('"', "\\22");
        let text = format!(
            r#"(module
                (memory (export "memory") {memory})
                (data (i32.const 32) "\00\04\00\00\{low:02x}\{high:02x}\00\00")
                (data (i32.const 1024) "{interface}")
                {items}
                (func (export "describe") (result i32) {describe})
                (func (export "assets") (result i32) (i32.const 96))
                (func (export "init") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
                    (i32.const 128))
                (func $turn (export "turn") (param i32 i32) (result i32) {turn})
                (func (export "render")
                    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
                    (result i32) unreachable)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            )"#
        );
        encode(wat::parse_str(text).unwrap())
    }
}

fn encode(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = include_str!("../../../../wit/process.wit");
    let package = resolve.push_str("process.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("process")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap().encode().unwrap()
}
