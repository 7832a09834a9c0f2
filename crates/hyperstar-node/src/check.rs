//! What may be loaded at all: sizes are checked before anything is compiled, imports before anything runs.

use wasmparser::{Encoding, Parser, Payload};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::apps;
use crate::engine::LoadOptions;

/// What is taken of each thing in a component, all its modules together. A compiler takes time and memory
/// for each, whatever a component's size.
const FUNCTIONS_MAX: u32 = 200_000;
const TYPES_MAX: u32 = 50_000;
const ITEMS_MAX: u32 = 200_000;
const MODULES_MAX: u32 = 128;
/// One function's code. The time to compile it grows faster than its size.
const FUNCTION_BYTES_MAX: usize = 1 << 20;
/// How deep components may be within components.
const DEPTH_MAX: usize = 4;

/// Why a component is not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is too large.
    #[error(
        "the component has {bytes} bytes, and this node takes at most {bytes_max}; \
         build it with `--release`, or raise `component_bytes_max`"
    )]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
    },
    /// It has too much of something.
    #[error(
        "the component has {count} {what}, and a node takes at most {count_max}; split the app"
    )]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much there is, as far as it was counted.
        count: u64,
        /// What is allowed.
        count_max: u64,
    },
    /// It is no component, or a damaged one.
    #[error("this is no WebAssembly component: {0}; build the app with `hyperstar build`")]
    Invalid(String),
    /// It is a core module.
    #[error(
        "this is a WebAssembly module, not a component; `hyperstar build` makes a component of the app"
    )]
    Module,
    /// It wants what no process is given.
    #[error(
        "the component imports `{name}`, and a process is given only `hyperstar:process/sys`; {remedy}"
    )]
    Import {
        /// The import.
        name: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It does not export what a process needs, or not with these types.
    #[error(
        "the component is no Hyperstar process: {0}; build it with the version of `hyperstar` \
         that this node has"
    )]
    Interface(String),
    /// Its description cannot be used.
    #[error("the component does not describe itself: {0}")]
    Describe(String),
    /// The compiler failed.
    #[error("the compiler failed: {0}")]
    Compiler(String),
}

pub(crate) fn size(bytes: &[u8], bytes_max: usize) -> Result<(), LoadError> {
    if bytes.len() > bytes_max {
        return Err(LoadError::TooLarge {
            bytes: bytes.len(),
            bytes_max,
        });
    }
    Ok(())
}

/// Walks over the component without taking memory for what it holds.
pub(crate) fn contents(bytes: &[u8]) -> Result<(), LoadError> {
    let invalid = |error: wasmparser::BinaryReaderError| LoadError::Invalid(error.to_string());
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::Module);
    }
    let mut counts = Counts::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => {
                depth += 1;
                counts.modules.add(1)?;
            }
            Payload::Version { .. } => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(LoadError::TooMuch {
                        what: "components within each other",
                        count: depth as u64,
                        count_max: DEPTH_MAX as u64,
                    });
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len();
                if bytes > FUNCTION_BYTES_MAX {
                    return Err(LoadError::TooMuch {
                        what: "bytes in one function",
                        count: bytes as u64,
                        count_max: FUNCTION_BYTES_MAX as u64,
                    });
                }
            }
            Payload::FunctionSection(section) => counts.functions.add(section.count())?,
            Payload::TypeSection(section) => counts.types.add(section.count())?,
            Payload::CoreTypeSection(section) => counts.types.add(section.count())?,
            Payload::ComponentTypeSection(section) => counts.types.add(section.count())?,
            Payload::ImportSection(section) => counts.items.add(section.count())?,
            Payload::ExportSection(section) => counts.items.add(section.count())?,
            Payload::GlobalSection(section) => counts.items.add(section.count())?,
            Payload::ElementSection(section) => counts.items.add(section.count())?,
            Payload::DataSection(section) => counts.items.add(section.count())?,
            Payload::TagSection(section) => counts.items.add(section.count())?,
            Payload::ComponentImportSection(section) => counts.items.add(section.count())?,
            Payload::ComponentExportSection(section) => counts.items.add(section.count())?,
            Payload::ComponentAliasSection(section) => counts.items.add(section.count())?,
            Payload::ComponentCanonicalSection(section) => counts.items.add(section.count())?,
            Payload::ComponentInstanceSection(section) => counts.items.add(section.count())?,
            Payload::InstanceSection(section) => counts.items.add(section.count())?,
            _ => {}
        }
    }
    Ok(())
}

struct Count {
    what: &'static str,
    count: u32,
    count_max: u32,
}

impl Count {
    fn new(what: &'static str, count_max: u32) -> Self {
        Self {
            what,
            count: 0,
            count_max,
        }
    }

    fn add(&mut self, more: u32) -> Result<(), LoadError> {
        self.count = self.count.saturating_add(more);
        if self.count > self.count_max {
            return Err(LoadError::TooMuch {
                what: self.what,
                count: self.count.into(),
                count_max: self.count_max.into(),
            });
        }
        Ok(())
    }
}

struct Counts {
    functions: Count,
    types: Count,
    items: Count,
    modules: Count,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            functions: Count::new("functions", FUNCTIONS_MAX),
            types: Count::new("types", TYPES_MAX),
            items: Count::new("imports, exports and other items", ITEMS_MAX),
            modules: Count::new("modules", MODULES_MAX),
        }
    }
}

/// A process is given `sys`, and the types that it mentions.
pub(crate) fn imports(
    engine: &wasmtime::Engine,
    component: &Component,
    options: &LoadOptions,
) -> Result<(), LoadError> {
    for (name, item) in component.component_type().imports(engine) {
        // The types that its exports mention ask for nothing.
        if matches!(item.ty, ComponentItem::Type(_)) {
            continue;
        }
        let is_wasi = name.starts_with("wasi:");
        let is_given = name.starts_with("hyperstar:process/sys@")
            || name.starts_with("hyperstar:process/types@")
            || (is_wasi && options.stub_wasi)
            || (name.starts_with(apps::PACKAGE) && options.calls.is_some());
        if !is_given {
            return Err(LoadError::Import {
                name: name.to_owned(),
                remedy: if is_wasi {
                    "build it for `wasm32-unknown-unknown`, or load it with `stub_wasi`, which \
                     grants nothing"
                } else {
                    "call other processes through the SDK"
                },
            });
        }
    }
    Ok(())
}
