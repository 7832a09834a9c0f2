//! Values between JSON, as apps speak it, and the component model's.

use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::plan::{Integer, Part, Plan};

/// Why a value does not cross: what was expected, and what there was.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub(super) struct Mismatch {
    expected: String,
    found: String,
}

fn mismatch(expected: impl Into<String>, found: impl Into<String>) -> Mismatch {
    Mismatch {
        expected: expected.into(),
        found: found.into(),
    }
}

/// What a component gave, as JSON.
pub(super) fn to_json(plan: &Plan, val: Val) -> Result<Value, Mismatch> {
    Ok(match (plan, val) {
        (Plan::Json, Val::String(text)) => {
            serde_json::from_str(&text).map_err(|error| mismatch("JSON", error.to_string()))?
        }
        (Plan::Bool, Val::Bool(value)) => value.into(),
        (Plan::Integer(Integer::U8), Val::U8(value)) => value.into(),
        (Plan::Integer(Integer::U16), Val::U16(value)) => value.into(),
        (Plan::Integer(Integer::U32), Val::U32(value)) => value.into(),
        (Plan::Integer(Integer::U64), Val::U64(value)) => value.into(),
        (Plan::Integer(Integer::S8), Val::S8(value)) => value.into(),
        (Plan::Integer(Integer::S16), Val::S16(value)) => value.into(),
        (Plan::Integer(Integer::S32), Val::S32(value)) => value.into(),
        (Plan::Integer(Integer::S64), Val::S64(value)) => value.into(),
        (Plan::F32, Val::Float32(value)) => number(f64::from(value))?,
        (Plan::F64, Val::Float64(value)) => number(value)?,
        (Plan::Char, Val::Char(value)) => value.to_string().into(),
        (Plan::String, Val::String(value)) => value.into(),
        (Plan::List(item), Val::List(vals)) => {
            let values = vals.into_iter().map(|val| to_json(item, val));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        (Plan::Option(_), Val::Option(None)) => Value::Null,
        (Plan::Option(some), Val::Option(Some(val))) => to_json(some, *val)?,
        (Plan::Result(ok, _), Val::Result(Ok(val))) => tagged("Ok", side(ok.as_deref(), val)?),
        (Plan::Result(_, error), Val::Result(Err(val))) => {
            tagged("Err", side(error.as_deref(), val)?)
        }
        (Plan::Tuple(plans), Val::Tuple(vals)) if plans.len() == vals.len() => {
            let values = plans.iter().zip(vals);
            let values = values.map(|(plan, val)| to_json(plan, val));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        (Plan::Map(key, value), Val::List(pairs)) => {
            let mut object = Map::new();
            for pair in pairs {
                let (name, val) = match pair {
                    Val::Tuple(pair) => <[Val; 2]>::try_from(pair).map(Into::into),
                    other => Err(vec![other]),
                }
                .map_err(|_| mismatch("pairs", "something else"))?;
                object.insert(key_text(key, name)?, to_json(value, val)?);
            }
            Value::Object(object)
        }
        (Plan::Record(fields), Val::Record(vals)) if fields.len() == vals.len() => {
            let mut object = Map::new();
            for (field, (name, val)) in fields.iter().zip(vals) {
                let Some(plan) = field.plan.as_deref().filter(|_| field.wit == name) else {
                    return Err(mismatch(format!("the field `{}`", field.wit), name));
                };
                object.insert(field.json.clone(), to_json(plan, val)?);
            }
            Value::Object(object)
        }
        (Plan::Variant { cases, .. }, Val::Enum(name)) => case(cases, &name)?.json.clone().into(),
        (Plan::Variant { cases, .. }, Val::Variant(name, val)) => {
            let case = case(cases, &name)?;
            match (&case.plan, val) {
                (None, None) => case.json.clone().into(),
                (plan, val) => tagged(&case.json, side(plan.as_deref(), val)?),
            }
        }
        (plan, _) => return Err(mismatch(plan.noun(), "another type")),
    })
}

/// JSON has no word for what is no number.
fn number(value: f64) -> Result<Value, Mismatch> {
    let number = Number::from_f64(value);
    let number = number.ok_or_else(|| mismatch("a finite number", value.to_string()))?;
    Ok(Value::Number(number))
}

fn tagged(tag: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(tag.to_owned(), value)]))
}

fn side(plan: Option<&Plan>, val: Option<Box<Val>>) -> Result<Value, Mismatch> {
    match (plan, val) {
        (Some(plan), Some(val)) => to_json(plan, *val),
        (None, None) => Ok(Value::Null),
        (Some(plan), None) => Err(mismatch(plan.noun(), "nothing")),
        (None, Some(_)) => Err(mismatch("nothing", "a value")),
    }
}

fn case<'c>(cases: &'c [Part], wit: &str) -> Result<&'c Part, Mismatch> {
    let found = cases.iter().find(|case| case.wit == wit);
    found.ok_or_else(|| mismatch(listed(cases), format!("`{wit}`")))
}

/// The key of a JSON object: always text there.
fn key_text(plan: &Plan, val: Val) -> Result<String, Mismatch> {
    match to_json(plan, val)? {
        Value::String(text) => Ok(text),
        value @ (Value::Number(_) | Value::Bool(_)) => Ok(value.to_string()),
        other => Err(mismatch("a key", other.to_string())),
    }
}

/// JSON that an app answered, as a component takes it.
pub(super) fn from_json(plan: &Plan, value: Value) -> Result<Val, Mismatch> {
    Ok(match (plan, value) {
        (Plan::Json, value) => Val::String(value.to_string()),
        (Plan::Bool, Value::Bool(value)) => Val::Bool(value),
        (Plan::Integer(integer), Value::Number(number)) => integer.read(&number)?,
        (Plan::F32, Value::Number(number)) => {
            // The nearest one, as serde reads it too.
            Val::Float32(number.as_f64().unwrap_or(f64::NAN) as f32)
        }
        (Plan::F64, Value::Number(number)) => Val::Float64(number.as_f64().unwrap_or(f64::NAN)),
        (Plan::Char, Value::String(text)) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(only), None) => Val::Char(only),
                _ => return Err(mismatch("one character", format!("`{text}`"))),
            }
        }
        (Plan::String, Value::String(text)) => Val::String(text),
        (Plan::List(item), Value::Array(values)) => {
            let vals = values.into_iter().map(|value| from_json(item, value));
            Val::List(vals.collect::<Result<_, _>>()?)
        }
        (Plan::Option(_), Value::Null) => Val::Option(None),
        (Plan::Option(some), value) => Val::Option(Some(Box::new(from_json(some, value)?))),
        (Plan::Result(ok, error), Value::Object(object)) => {
            let (tag, value) = only_entry(object)?;
            match tag.as_str() {
                "Ok" => Val::Result(Ok(side_back(ok.as_deref(), value)?)),
                "Err" => Val::Result(Err(side_back(error.as_deref(), value)?)),
                _ => return Err(mismatch("`Ok` or `Err`", format!("`{tag}`"))),
            }
        }
        (Plan::Tuple(plans), Value::Array(values)) if plans.len() == values.len() => {
            let vals = plans.iter().zip(values);
            let vals = vals.map(|(plan, value)| from_json(plan, value));
            Val::Tuple(vals.collect::<Result<_, _>>()?)
        }
        (Plan::Map(key, plan), Value::Object(object)) => {
            let mut pairs = Vec::new();
            for (name, value) in object {
                pairs.push(Val::Tuple(vec![
                    key_back(key, name)?,
                    from_json(plan, value)?,
                ]));
            }
            Val::List(pairs)
        }
        (Plan::Record(fields), Value::Object(mut object)) => {
            let mut vals = Vec::new();
            for field in fields {
                let value = object.remove(&field.json);
                let plan = field.plan.as_deref().unwrap_or(&Plan::Json);
                let val = match (plan, value) {
                    (plan, Some(value)) => from_json(plan, value)?,
                    (Plan::Option(_), None) => Val::Option(None),
                    _ => return Err(mismatch(format!("the field `{}`", field.json), "none")),
                };
                vals.push((field.wit.clone(), val));
            }
            Val::Record(vals)
        }
        (Plan::Variant { cases, is_enum }, Value::String(name)) => {
            let case = case_back(cases, &name)?;
            match (is_enum, &case.plan) {
                (true, _) => Val::Enum(case.wit.clone()),
                (false, None) => Val::Variant(case.wit.clone(), None),
                (false, Some(plan)) => return Err(mismatch(plan.noun(), "nothing")),
            }
        }
        (Plan::Variant { cases, .. }, Value::Object(object)) => {
            let (tag, value) = only_entry(object)?;
            let case = case_back(cases, &tag)?;
            Val::Variant(case.wit.clone(), side_back(case.plan.as_deref(), value)?)
        }
        (plan, value) => return Err(mismatch(plan.noun(), noun_of(&value))),
    })
}

fn side_back(plan: Option<&Plan>, value: Value) -> Result<Option<Box<Val>>, Mismatch> {
    match (plan, value) {
        (Some(plan), value) => Ok(Some(Box::new(from_json(plan, value)?))),
        (None, Value::Null) => Ok(None),
        (None, value) => Err(mismatch("null", noun_of(&value))),
    }
}

fn only_entry(object: Map<String, Value>) -> Result<(String, Value), Mismatch> {
    let mut entries = object.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        _ => Err(mismatch("an object with one name", "another")),
    }
}

fn case_back<'c>(cases: &'c [Part], json: &str) -> Result<&'c Part, Mismatch> {
    let found = cases.iter().find(|case| case.json == json);
    found.ok_or_else(|| mismatch(listed(cases), format!("`{json}`")))
}

fn listed(cases: &[Part]) -> String {
    let names: Vec<String> = cases
        .iter()
        .map(|case| format!("`{}`", case.json))
        .collect();
    names.join(" or ")
}

fn key_back(plan: &Plan, name: String) -> Result<Val, Mismatch> {
    let value = match plan {
        Plan::Integer(_) | Plan::Bool => serde_json::from_str(&name)
            .map_err(|_| mismatch(plan.noun(), format!("the key `{name}`")))?,
        _ => Value::String(name),
    };
    from_json(plan, value)
}

impl Integer {
    fn read(self, number: &Number) -> Result<Val, Mismatch> {
        let unsigned = number.as_u64();
        let signed = number.as_i64();
        let val = match self {
            Integer::U8 => unsigned.and_then(|n| n.try_into().ok()).map(Val::U8),
            Integer::U16 => unsigned.and_then(|n| n.try_into().ok()).map(Val::U16),
            Integer::U32 => unsigned.and_then(|n| n.try_into().ok()).map(Val::U32),
            Integer::U64 => unsigned.map(Val::U64),
            Integer::S8 => signed.and_then(|n| n.try_into().ok()).map(Val::S8),
            Integer::S16 => signed.and_then(|n| n.try_into().ok()).map(Val::S16),
            Integer::S32 => signed.and_then(|n| n.try_into().ok()).map(Val::S32),
            Integer::S64 => signed.map(Val::S64),
        };
        let noun = format!("{self:?}").to_ascii_lowercase();
        val.ok_or_else(|| mismatch(noun, number.to_string()))
    }
}

impl Plan {
    fn noun(&self) -> &'static str {
        match self {
            Plan::Json => "JSON",
            Plan::Bool => "true or false",
            Plan::Integer(_) | Plan::F32 | Plan::F64 => "a number",
            Plan::Char => "one character",
            Plan::String => "text",
            Plan::List(_) => "a list",
            Plan::Option(_) => "a value or none",
            Plan::Result(..) => "`Ok` or `Err`",
            Plan::Tuple(_) => "a list of fixed length",
            Plan::Map(..) | Plan::Record(_) => "an object",
            Plan::Variant { .. } => "a variant",
        }
    }
}

fn noun_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
