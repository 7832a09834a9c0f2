//! The value of a type that gives the least: an empty list, an error, a handle of nothing.

use wasmtime::component::Val;
use wasmtime::component::types::Type;
use wasmtime::{StoreContextMut, bail};

use super::{ANY, stub};
use crate::guest::Guest;

/// The errors that say best that something is not to be had, in the interfaces that have an enum of them.
const REFUSALS: [&str; 4] = ["access-denied", "not-permitted", "access", "not-supported"];

pub(super) fn of(cx: &mut StoreContextMut<'_, Guest>, ty: &Type) -> wasmtime::Result<Val> {
    Ok(match ty {
        Type::Bool => Val::Bool(false),
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Float32 => Val::Float32(0.0),
        Type::Float64 => Val::Float64(0.0),
        Type::Char => Val::Char(' '),
        Type::String => Val::String(String::new()),
        Type::List(_) => Val::List(Vec::new()),
        Type::Map(_) => Val::Map(Vec::new()),
        Type::Option(_) => Val::Option(None),
        Type::Flags(_) => Val::Flags(Vec::new()),
        Type::Own(_) => stub(cx, ANY)?,
        Type::Record(record) => {
            let mut fields = Vec::new();
            for field in record.fields() {
                fields.push((field.name.to_owned(), of(cx, &field.ty)?));
            }
            Val::Record(fields)
        }
        Type::Tuple(tuple) => {
            let mut values = Vec::new();
            for ty in tuple.types() {
                values.push(of(cx, &ty)?);
            }
            Val::Tuple(values)
        }
        Type::Enum(names) => {
            let mut all = names.names();
            let refusal = REFUSALS
                .iter()
                .find(|refusal| names.names().any(|name| name == **refusal));
            let name = refusal.copied().or_else(|| all.next());
            Val::Enum(name.unwrap_or_default().to_owned())
        }
        Type::Variant(variant) => {
            // A case without a value, such as a stream's `closed`.
            let mut cases = variant.cases();
            match variant
                .cases()
                .find(|case| case.ty.is_none())
                .or_else(|| cases.next())
            {
                Some(case) => {
                    let value = case.ty.map(|ty| of(cx, &ty)).transpose()?;
                    Val::Variant(case.name.to_owned(), value.map(Box::new))
                }
                None => bail!("a variant without cases"),
            }
        }
        Type::Result(result) => {
            let error = result.err().map(|ty| of(cx, &ty)).transpose()?;
            Val::Result(Err(error.map(Box::new)))
        }
        Type::Borrow(_)
        | Type::Future(_)
        | Type::Stream(_)
        | Type::ErrorContext
        | Type::FixedLengthList(_) => bail!("WASI's stubs know no value of {ty:?}"),
    })
}
