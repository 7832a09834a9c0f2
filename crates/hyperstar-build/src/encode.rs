//! From a core module to a component.

use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::WorldItem;

use crate::Entry;
use crate::error::BuildError;

pub(crate) fn component(module: &[u8], entry: Entry) -> Result<Vec<u8>, BuildError> {
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.validate(true).module(module);
    let encoded = encoder.and_then(|encoder| encoder.encode());
    let component = encoded.map_err(|error| BuildError::Encode(format!("{error:#}")))?;
    if entry == Entry::App {
        check_imports(&component)?;
    }
    Ok(component)
}

/// A process is given `sys`, and the types that it mentions.
fn check_imports(component: &[u8]) -> Result<(), BuildError> {
    let decoded = wit_component::decode(component);
    let decoded = decoded.map_err(|error| BuildError::Encode(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(BuildError::Encode("it is a package of WIT".to_owned()));
    };
    // A world names the types that its exports mention; they ask for nothing.
    let imports = resolve.worlds[world].imports.iter();
    let imports = imports.filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
    let names = imports.map(|(key, _)| resolve.name_world_key(key));
    let strange: Vec<String> = names
        .filter(|name| !name.starts_with("hyperstar:process/"))
        .map(|name| format!("`{name}`"))
        .collect();
    if strange.is_empty() {
        return Ok(());
    }
    Err(BuildError::Imports {
        imports: strange.join(", "),
    })
}
