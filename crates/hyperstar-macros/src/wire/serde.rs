//! What serde's attributes change about how a type is written.

use syn::{Attribute, LitStr, Token, Type};

use crate::errors::Errors;

/// `#[serde(..)]` on a type.
#[derive(Default)]
pub(super) struct Container {
    pub(super) rename_all: Option<Case>,
    pub(super) rename_all_fields: Option<Case>,
    pub(super) transparent: bool,
    /// Written and read as another type.
    pub(super) through: Option<Type>,
    /// Written in a way that WIT has no word for.
    pub(super) is_json: bool,
}

/// `#[serde(..)]` on a field or a variant.
#[derive(Default)]
pub(super) struct Item {
    pub(super) rename: Option<String>,
    pub(super) rename_all: Option<Case>,
    pub(super) skip: bool,
    pub(super) flatten: bool,
    pub(super) is_untagged: bool,
    /// Written by a function.
    pub(super) is_json: bool,
    /// Left out at times.
    pub(super) may_lack: bool,
    /// Written otherwise than read.
    pub(super) is_lopsided: bool,
}

/// How names are spelt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    fn read(text: &LitStr) -> syn::Result<Self> {
        Ok(match text.value().as_str() {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            other => {
                return Err(syn::Error::new(
                    text.span(),
                    format!("serde knows no rename rule `{other}`"),
                ));
            }
        })
    }

    /// A field, which is `spelt_so`.
    pub(super) fn of_field(self, name: &str) -> String {
        match self {
            Self::Lower | Self::Snake => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => pascal(name),
            Self::Camel => lower_first(&pascal(name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// A variant, which is `SpeltSo`.
    pub(super) fn of_variant(self, name: &str) -> String {
        match self {
            Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => lower_first(name),
            Self::Snake => snake(name),
            Self::ScreamingSnake => snake(name).to_ascii_uppercase(),
            Self::Kebab => snake(name).replace('_', "-"),
            Self::ScreamingKebab => snake(name).to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// As serde does it: each letter after a `_` is large.
fn pascal(name: &str) -> String {
    let mut out = String::new();
    let mut large = true;
    for c in name.chars() {
        if c == '_' {
            large = true;
        } else if large {
            out.push(c.to_ascii_uppercase());
            large = false;
        } else {
            out.push(c);
        }
    }
    out
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// As serde does it: each large letter begins a word.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (place, c) in name.char_indices() {
        if place > 0 && c.is_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl Container {
    pub(super) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut container = Self::default();
        let (mut from, mut into) = (None, None);
        for attribute in attributes.iter().filter(|one| one.path().is_ident("serde")) {
            let read = attribute.parse_nested_meta(|meta| {
                let is = |name: &str| meta.path.is_ident(name);
                if is("rename_all") || is("rename_all_fields") {
                    let (case, lopsided) = renamed(&meta, Case::read)?;
                    container.is_json |= lopsided;
                    match is("rename_all") {
                        true => container.rename_all = case,
                        false => container.rename_all_fields = case,
                    }
                    return Ok(());
                }
                if is("transparent") {
                    container.transparent = true;
                } else if is("tag") || is("content") || is("untagged") || is("remote") {
                    container.is_json = true;
                } else if is("from") || is("try_from") || is("into") {
                    let ty: LitStr = meta.value()?.parse()?;
                    let ty: Type = ty.parse()?;
                    match is("into") {
                        true => into = Some(ty),
                        false => from = Some(ty),
                    }
                    return Ok(());
                }
                skip_value(&meta)
            });
            if let Err(error) = read {
                errors.add(error);
            }
        }
        match (from, into) {
            (None, None) => {}
            (Some(from), Some(into)) if from == into => container.through = Some(into),
            _ => container.is_json = true,
        }
        container
    }
}

impl Item {
    pub(super) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut item = Self::default();
        let (mut skips_out, mut skips_in) = (false, false);
        for attribute in attributes.iter().filter(|one| one.path().is_ident("serde")) {
            let read = attribute.parse_nested_meta(|meta| {
                let is = |name: &str| meta.path.is_ident(name);
                if is("rename") {
                    let (name, lopsided) = renamed(&meta, |text| Ok(text.value()))?;
                    item.rename = name;
                    item.is_lopsided |= lopsided;
                    return Ok(());
                }
                if is("rename_all") {
                    let (case, lopsided) = renamed(&meta, Case::read)?;
                    item.rename_all = case;
                    item.is_lopsided |= lopsided;
                    return Ok(());
                }
                item.skip |= is("skip");
                skips_out |= is("skip_serializing");
                skips_in |= is("skip_deserializing");
                item.flatten |= is("flatten");
                item.is_untagged |= is("untagged") || is("other");
                item.is_json |= is("with") || is("serialize_with") || is("deserialize_with");
                item.may_lack |= is("skip_serializing_if");
                skip_value(&meta)
            });
            if let Err(error) = read {
                errors.add(error);
            }
        }
        item.skip |= skips_out && skips_in;
        item.is_lopsided |= skips_out != skips_in;
        item
    }
}

/// `= "name"`, or `(serialize = "a", deserialize = "b")`: one name, or whether there are two.
fn renamed<T: PartialEq>(
    meta: &syn::meta::ParseNestedMeta<'_>,
    read: impl Fn(&LitStr) -> syn::Result<T>,
) -> syn::Result<(Option<T>, bool)> {
    if meta.input.peek(Token![=]) {
        let text: LitStr = meta.value()?.parse()?;
        return Ok((Some(read(&text)?), false));
    }
    let (mut out, mut into) = (None, None);
    meta.parse_nested_meta(|side| {
        let text: LitStr = side.value()?.parse()?;
        match side.path.is_ident("serialize") {
            true => out = Some(read(&text)?),
            false => into = Some(read(&text)?),
        }
        Ok(())
    })?;
    let lopsided = out != into;
    Ok((out, lopsided))
}

/// Whatever else an attribute says is serde's to check.
fn skip_value(meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let inside;
        syn::parenthesized!(inside in meta.input);
        inside.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}
