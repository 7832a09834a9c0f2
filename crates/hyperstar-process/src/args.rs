//! The arguments of a handler, taken out of a request by their names.
//!
//! A value comes from the path, else from the body, else from the query (an action: from its arguments, else
//! from the page's signals). What a body may be:
//!
//! | body | meaning |
//! |---|---|
//! | `{"name": "Ann", "age": 7}` | the arguments by name |
//! | `{"CreateUser": ..}`, `{"create_user": ..}` | the same, wrapped: `..` is any other line |
//! | `["Ann", 7]` | the arguments in order, without those that path or query give |
//! | any other JSON | the value of the one argument that neither path nor query gives |
//! | `application/x-www-form-urlencoded`, `multipart/form-data` | by name; files as [`File`] |
//! | another content type | the same one argument: bytes for `Vec<u8>`, text for `String` |
//! | nothing | `Option`s are `None` |
//!
//! With one argument left, an object is its value, unless all its names are arguments'.
//! A form that begins with `{` or `[` is read as JSON: `curl -d` says that it sends a form.
//!
//! Text (path, query, form) is read as the argument's type: numbers, `bool` (`true`, `on`, `1`, `yes` and
//! nothing at all are true), units of enums by name, several values of one name as a `Vec`, JSON where it
//! must be. In an action, or where a form or a query is all there is, a missing `bool` is false and a missing
//! `Vec` empty, as a browser leaves out what is not ticked. An empty text is `None` for an `Option`.
//!
//! Names that no argument has are errors in JSON, and ignored in forms, queries and signals.
//!
//! Numbers are finite: `NaN`, `inf`, and what the type cannot hold, are refused. Where serde buffers a type, as
//! with `untagged` and `flatten`, it makes an infinite `f32` of what is too large for one: take an `f64` there.
//!
//! Bounds: [`FIELDS_MAX`] names or values; [`DEPTH_MAX`] levels of JSON.

mod body;
mod multipart;
mod text;
mod view;

use std::borrow::Cow;

use hyperstar_interface::{AskError, near};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub(crate) use body::{Body, Pairs, Piece, json_text, pairs, top};
pub use multipart::File;
use text::{Bytes, Missing, Texts};
pub use view::{view_param, view_session, view_viewer};

use crate::json;

/// The most names or values that a body or a query may have.
pub const FIELDS_MAX: usize = 1_000;

/// How deep the JSON of one argument may be nested: less than what a state may hold, so that what came can be
/// kept in a list or a map of one.
pub const DEPTH_MAX: usize = 100;

/// Why JSON is refused, if it is nested too deep.
pub(crate) fn too_deep(json: &[u8]) -> Option<String> {
    // Each level takes two bytes.
    let is_too_deep = json.len() > 2 * DEPTH_MAX && json::depth(json) > DEPTH_MAX;
    is_too_deep.then(|| {
        format!("it is nested deeper than {DEPTH_MAX} levels; send its parts side by side")
    })
}

/// Where the value of one argument is.
#[derive(Debug)]
pub(crate) enum Found<'c> {
    /// JSON. `is_signal`: text in it may stand for a number, as an input field gives it.
    Json { json: &'c str, is_signal: bool },
    /// The whole body, which may be the argument's value, or an array of it, or lack it.
    Whole { json: &'c str, body: Box<Body<'c>> },
    /// Text or files of one name.
    Pieces(Vec<Piece<'c>>),
    /// Bytes of a content type of their own.
    Bytes(&'c [u8]),
    /// Nothing came. `is_form`: as a form leaves out what is not ticked.
    Nothing { is_form: bool },
}

impl Found<'_> {
    /// Reads the value.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        handler: &str,
        argument: &str,
    ) -> Result<T, AskError> {
        let bad = |reason: String| AskError::BadArgument {
            handler: handler.to_owned(),
            argument: argument.to_owned(),
            reason,
        };
        let missing = |near: Option<&str>| AskError::MissingArgument {
            handler: handler.to_owned(),
            argument: argument.to_owned(),
            near: near.map(str::to_owned),
        };
        if let Found::Json { json, .. } | Found::Whole { json, .. } = self
            && let Some(reason) = too_deep(json.as_bytes())
        {
            return Err(bad(reason));
        }
        match self {
            Found::Json { json, is_signal } => {
                let error = match serde_json::from_str(json) {
                    Ok(value) => return Ok(value),
                    Err(error) => error,
                };
                let text = match json.starts_with('"') && *is_signal {
                    true => serde_json::from_str::<String>(json).ok(),
                    false => None,
                };
                let lenient = text
                    .and_then(|text| T::deserialize(Texts(&[Piece::Text(Cow::Owned(text))])).ok());
                lenient.ok_or_else(|| bad(without_place(&error)))
            }
            Found::Whole { json, body } => {
                let error = match serde_json::from_str(json) {
                    Ok(value) => return Ok(value),
                    Err(error) => error,
                };
                match &**body {
                    Body::Array(values) if values.len() == 1 => {
                        let only = serde_json::from_str(values[0].get());
                        only.map_err(|_| bad(without_place(&error)))
                    }
                    Body::Object(members) if members.is_empty() => {
                        let absent = T::deserialize(Missing { is_form: false });
                        absent.map_err(|_| bad(without_place(&error)))
                    }
                    Body::Object(members) => {
                        let sent = members.iter().map(|(name, _)| name.as_ref());
                        Err(match near(argument, sent) {
                            Some(name) => missing(Some(name)),
                            None => bad(without_place(&error)),
                        })
                    }
                    _ => Err(bad(without_place(&error))),
                }
            }
            Found::Pieces(pieces) => {
                T::deserialize(Texts(pieces)).map_err(|error| bad(error.to_string()))
            }
            Found::Bytes(bytes) => {
                T::deserialize(Bytes(bytes)).map_err(|error| bad(error.to_string()))
            }
            Found::Nothing { is_form } => {
                T::deserialize(Missing { is_form: *is_form }).map_err(|_| missing(None))
            }
        }
    }
}

/// serde_json's words without the place, which counts from the argument's beginning.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// What came beside the body.
#[derive(Debug, Default)]
pub(crate) struct Beside<'c> {
    /// Parameters of the path.
    pub(crate) path: &'c [(String, String)],
    /// The query; an action's arguments.
    pub(crate) query: Pairs<'c>,
}

impl<'c> Beside<'c> {
    fn in_path(&self, name: &str) -> Option<Found<'c>> {
        let found = self.path.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| Found::Pieces(vec![Piece::Text(Cow::Borrowed(value))]))
    }

    fn in_query(&self, name: &str) -> Option<Found<'c>> {
        let values = self.query.iter().filter(|(own, _)| own == name);
        let pieces: Vec<Piece<'c>> = values
            .map(|(_, value)| Piece::Text(value.clone()))
            .collect();
        (!pieces.is_empty()).then_some(Found::Pieces(pieces))
    }
}

/// How strictly a body's names are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Each must be an argument's.
    Known,
    /// Signals of a page: most are no arguments.
    Any,
}

/// Finds the values in an object whose names are all arguments', the usual body, without allocating.
/// `None`: it is another, or wrong.
pub(crate) fn find_named<'c, const N: usize>(
    params: [&str; N],
    beside: &Beside<'c>,
    json: &'c str,
) -> Option<[Found<'c>; N]> {
    let values = body::named(json, params)?;
    let mut found = values.map(|value| match value {
        Some(json) => Found::Json {
            json,
            is_signal: false,
        },
        None => Found::Nothing { is_form: false },
    });
    for (found, name) in found.iter_mut().zip(params) {
        if let Some(in_path) = beside.in_path(name) {
            *found = in_path;
        } else if matches!(found, Found::Nothing { .. })
            && let Some(in_query) = beside.in_query(name)
        {
            *found = in_query;
        }
    }
    Some(found)
}

/// Finds the value of each argument.
pub(crate) fn find<'c, const N: usize>(
    handler: &str,
    params: [&str; N],
    beside: &Beside<'c>,
    body: Body<'c>,
    json: &'c str,
    names: Names,
) -> Result<[Found<'c>; N], AskError> {
    let (body, json) = match names {
        Names::Known => unwrapped(handler, &params, body, json)?,
        Names::Any => (body, json),
    };
    let is_form = names == Names::Any || matches!(body, Body::Form(_) | Body::Nothing);
    let mut found: [Option<Found<'c>>; N] = params.map(|name| match names {
        Names::Known => beside.in_path(name),
        Names::Any => beside.in_query(name),
    });
    match body {
        Body::Object(members) if names == Names::Any || by_name(&params, beside, &members) => {
            if names == Names::Known {
                check_names(handler, &params, &members)?;
            }
            for (place, name) in params.iter().enumerate() {
                let member = members.iter().find(|(own, _)| own == name);
                if let (None, Some((_, value))) = (&found[place], member) {
                    found[place] = Some(Found::Json {
                        json: value.get(),
                        is_signal: names == Names::Any,
                    });
                }
            }
        }
        Body::Form(mut fields) => {
            for (place, name) in params.iter().enumerate() {
                let of_name = fields.extract_if(.., |(own, _)| own == name);
                let pieces: Vec<Piece<'c>> = of_name.map(|(_, piece)| piece).collect();
                if found[place].is_none() && !pieces.is_empty() {
                    found[place] = Some(Found::Pieces(pieces));
                }
            }
        }
        Body::Nothing => {}
        body => rest(handler, &params, beside, &mut found, body, json)?,
    }
    let mut place = 0;
    Ok(found.map(|found| {
        let name = params[place];
        place += 1;
        found
            .or_else(|| beside.in_query(name))
            .unwrap_or(Found::Nothing { is_form })
    }))
}

/// Values without names: for the arguments that neither path nor query gives.
fn rest<'c>(
    handler: &str,
    params: &[&str],
    beside: &Beside<'c>,
    found: &mut [Option<Found<'c>>],
    body: Body<'c>,
    json: &'c str,
) -> Result<(), AskError> {
    let places = 0..params.len();
    let open: Vec<usize> = places
        .filter(|place| found[*place].is_none() && beside.in_query(params[*place]).is_none())
        .collect();
    let wrong_count = |sent: usize| AskError::WrongCount {
        handler: handler.to_owned(),
        sent,
        known: open.iter().map(|place| params[*place].to_owned()).collect(),
    };
    match (body, open.as_slice()) {
        (Body::Bytes(bytes, _), [place]) => found[*place] = Some(Found::Bytes(bytes)),
        (Body::Bytes(..), []) => {}
        (Body::Bytes(_, content_type), _) => {
            return Err(AskError::BadBody {
                format: "JSON or a form",
                reason: format!(
                    "`{content_type}` cannot be split into the arguments of `{handler}`; send \
                     `content-type: application/json`"
                ),
            });
        }
        (body @ (Body::Object(_) | Body::Array(_) | Body::Scalar(_)), [place]) => {
            let body = Box::new(body);
            found[*place] = Some(Found::Whole { json, body });
        }
        (Body::Array(values), open) => {
            if values.len() > open.len() {
                return Err(wrong_count(values.len()));
            }
            for (place, value) in open.iter().zip(values) {
                let json = value.get();
                found[*place] = Some(Found::Json {
                    json,
                    is_signal: false,
                });
            }
        }
        (Body::Object(members), _) => check_names(handler, params, &members)?,
        (Body::Scalar(value), _) if value.get() == "null" => {}
        (Body::Scalar(_), _) => return Err(wrong_count(1)),
        (Body::Form(_) | Body::Nothing, _) => {}
    }
    Ok(())
}

/// Whether an object's names are the arguments', rather than those of one argument's value.
fn by_name(params: &[&str], beside: &Beside<'_>, members: &[(Cow<'_, str>, &RawValue)]) -> bool {
    let is_open = |name: &&&str| beside.in_path(name).is_none() && beside.in_query(name).is_none();
    let mut names = members.iter().map(|(name, _)| name.as_ref());
    params.iter().filter(is_open).count() != 1
        || (!members.is_empty() && names.all(|name| params.contains(&name)))
}

fn check_names(
    handler: &str,
    params: &[&str],
    members: &[(Cow<'_, str>, &RawValue)],
) -> Result<(), AskError> {
    let unknown = members
        .iter()
        .find(|(name, _)| !params.contains(&name.as_ref()));
    if let Some((name, _)) = unknown {
        return Err(AskError::UnknownArgument {
            handler: handler.to_owned(),
            argument: name.to_string(),
            known: params.iter().map(|name| (*name).to_owned()).collect(),
        });
    }
    let count = |param: &str| members.iter().filter(|(name, _)| name == param).count();
    match params.iter().find(|param| count(param) > 1) {
        Some(twice) => Err(AskError::BadBody {
            format: "JSON",
            reason: format!("`{twice}` is there twice"),
        }),
        None => Ok(()),
    }
}

/// The inside of `{"CreateUser": ..}`, where that is how the body is written.
fn unwrapped<'c>(
    handler: &str,
    params: &[&str],
    body: Body<'c>,
    json: &'c str,
) -> Result<(Body<'c>, &'c str), AskError> {
    let is_wrapper =
        |name: &str| !params.contains(&name) && (name == handler || is_pascal_of(name, handler));
    match &body {
        Body::Object(members) if members.len() == 1 && is_wrapper(&members[0].0) => {
            let inside = members[0].1.get();
            Ok((Body::json(inside)?, inside))
        }
        Body::Scalar(value) if params.is_empty() => {
            let name = value.get().trim_matches('"');
            let body = if is_wrapper(name) {
                Body::Nothing
            } else {
                body
            };
            Ok((body, json))
        }
        _ => Ok((body, json)),
    }
}

/// Whether `name` is `handler` spelt `LikeThis`.
fn is_pascal_of(name: &str, handler: &str) -> bool {
    name.starts_with(|c: char| c.is_uppercase()) && name == hyperstar_interface::pascal(handler)
}
