//! How values of an app's types cross between JSON and WIT, worked out once.

use std::collections::HashMap;
use std::sync::Arc;

use hyperstar_interface::{Shape, Type, Wit, wit_names};

use crate::check::LoadError;

/// How deep named types may mention each other.
const DEPTH_MAX: usize = 32;

/// What a type is on both sides.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    /// Its JSON, as text.
    Json,
    Bool,
    Integer(Integer),
    F32,
    F64,
    Char,
    String,
    List(Arc<Plan>),
    Option(Arc<Plan>),
    /// A side without a value is `null` in JSON.
    Result(Option<Arc<Plan>>, Option<Arc<Plan>>),
    Tuple(Vec<Arc<Plan>>),
    Map(Arc<Plan>, Arc<Plan>),
    Record(Vec<Part>),
    Variant {
        cases: Vec<Part>,
        /// No case carries a value.
        is_enum: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Integer {
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
}

/// A field of a record, or a case of a variant.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) json: String,
    pub(super) wit: String,
    /// None for a case without a value.
    pub(super) plan: Option<Arc<Plan>>,
}

/// Makes the plans of one app's types.
pub(super) struct Planner<'i> {
    wit: &'i Wit<'i>,
    /// Types mention others again and again.
    named: HashMap<String, Arc<Plan>>,
    depth: usize,
}

impl<'i> Planner<'i> {
    pub(super) fn new(wit: &'i Wit<'i>) -> Self {
        Self {
            wit,
            named: HashMap::new(),
            depth: 0,
        }
    }

    /// None stands for nothing at all.
    pub(super) fn returned(&mut self, ty: &Type) -> Result<Option<Arc<Plan>>, LoadError> {
        match ty {
            Type::Unit => Ok(None),
            ty => Ok(Some(self.plan(ty)?)),
        }
    }

    pub(super) fn plan(&mut self, ty: &Type) -> Result<Arc<Plan>, LoadError> {
        let plan = match ty {
            Type::Unit | Type::Json => Plan::Json,
            Type::Bool => Plan::Bool,
            Type::U8 => Plan::Integer(Integer::U8),
            Type::U16 => Plan::Integer(Integer::U16),
            Type::U32 => Plan::Integer(Integer::U32),
            Type::U64 => Plan::Integer(Integer::U64),
            Type::S8 => Plan::Integer(Integer::S8),
            Type::S16 => Plan::Integer(Integer::S16),
            Type::S32 => Plan::Integer(Integer::S32),
            Type::S64 => Plan::Integer(Integer::S64),
            Type::F32 => Plan::F32,
            Type::F64 => Plan::F64,
            Type::Char => Plan::Char,
            Type::String => Plan::String,
            Type::List(item) => Plan::List(self.plan(item)?),
            Type::Option(some) => Plan::Option(self.plan(some)?),
            Type::Result(ok, error) => Plan::Result(self.returned(ok)?, self.returned(error)?),
            Type::Tuple(items) if items.is_empty() => Plan::Json,
            Type::Tuple(items) => {
                let items = items.iter().map(|item| self.plan(item));
                Plan::Tuple(items.collect::<Result<_, _>>()?)
            }
            Type::Map(key, value) => Plan::Map(self.plan(key)?, self.plan(value)?),
            Type::Named(name) => return self.named(name),
            other => {
                return Err(LoadError::Interface(format!(
                    "this node has no word in WIT for `{other}`; update the node"
                )));
            }
        };
        Ok(Arc::new(plan))
    }

    fn named(&mut self, name: &str) -> Result<Arc<Plan>, LoadError> {
        if let Some(plan) = self.named.get(name) {
            return Ok(plan.clone());
        }
        let Some((_, shape)) = self.wit.named(name) else {
            return Ok(Arc::new(Plan::Json));
        };
        // What refers to itself crosses as JSON, so that only a false description ends here.
        if self.depth == DEPTH_MAX {
            return Err(LoadError::Interface(format!(
                "its type `{name}` contains itself, or too many others"
            )));
        }
        self.depth += 1;
        let plan = Arc::new(self.shape(shape)?);
        self.depth -= 1;
        self.named.insert(name.to_owned(), plan.clone());
        Ok(plan)
    }

    fn shape(&mut self, shape: &Shape) -> Result<Plan, LoadError> {
        let (Shape::Record(fields) | Shape::Variant(fields)) = shape else {
            return Err(LoadError::Interface(
                "a type of it has a shape that this node does not know; update the node".to_owned(),
            ));
        };
        let names = wit_names(fields.iter().map(|field| field.name.as_str()));
        let is_record = matches!(shape, Shape::Record(_));
        let mut parts = Vec::new();
        for (field, wit) in fields.iter().zip(names) {
            let plan = match is_record {
                true => Some(self.plan(&field.ty)?),
                false => self.returned(&field.ty)?,
            };
            parts.push(Part {
                json: field.name.clone(),
                wit,
                plan,
            });
        }
        Ok(match is_record {
            true => Plan::Record(parts),
            false => Plan::Variant {
                is_enum: parts.iter().all(|part| part.plan.is_none()),
                cases: parts,
            },
        })
    }
}
