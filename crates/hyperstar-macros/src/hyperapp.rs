//! `#[hyperapp]`: parse, validate, expand, or fall back.

mod checkpoint;
mod client;
mod expand;
mod fallback;
mod interface;
mod marks;
mod params;
mod parse;
mod settings;
mod validate;

use proc_macro2::TokenStream;
use syn::{Attribute, Ident, ItemImpl, ReturnType};

use self::marks::Mark;
use self::params::Param;
use self::settings::Settings;
use crate::errors::Errors;

/// An app as it was written.
struct App {
    settings: Settings,
    /// The block, without our attributes.
    item: ItemImpl,
    methods: Vec<Method>,
}

/// A method that has one of our attributes.
struct Method {
    ident: Ident,
    marks: Vec<(Mark, proc_macro2::Span)>,
    receiver: Receiver,
    is_async: bool,
    /// All its attributes and parameters could be read.
    is_understood: bool,
    params: Vec<Param>,
    output: ReturnType,
    docs: Vec<Attribute>,
    cfgs: Vec<Attribute>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiver {
    None,
    Ref,
    Mut,
}

impl Method {
    fn is_view(&self) -> bool {
        self.marks
            .iter()
            .any(|(mark, _)| matches!(mark, Mark::View(_)))
    }

    fn has(&self, is: impl Fn(&Mark) -> bool) -> bool {
        self.marks.iter().any(|(mark, _)| is(mark))
    }

    /// Whether it takes this context.
    fn takes(&self, context: params::Context) -> bool {
        self.params.iter().any(|param| param.is(context))
    }

    /// Whether other processes may ask for it.
    fn is_called(&self) -> bool {
        self.has(|mark| matches!(mark, Mark::Local | Mark::Remote))
    }

    /// The name as people and processes know it.
    fn name(&self) -> String {
        syn::ext::IdentExt::unraw(&self.ident).to_string()
    }

    /// What it takes beside values, with the types as they were written.
    fn contexts(&self) -> impl Iterator<Item = (params::Context, &syn::Type)> {
        self.params.iter().filter_map(|param| match param {
            Param::Context(context, ty) => Some((*context, &**ty)),
            Param::Value(_) => None,
        })
    }

    /// What it takes out of the request.
    fn values(&self) -> impl Iterator<Item = &params::Value> {
        self.params.iter().filter_map(|param| match param {
            Param::Value(value) => Some(&**value),
            _ => None,
        })
    }
}

pub(crate) fn run(settings: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut app) = parse::app(settings, item.clone(), &mut errors) else {
        let errors = errors.into_tokens();
        return quote::quote!(#errors #item);
    };
    validate::check(&app, &mut errors);
    if !errors.is_empty() {
        return fallback::stub(app, errors);
    }
    checkpoint::add(&mut app.item);
    expand::app(&app)
}
