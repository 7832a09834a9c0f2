//! What a handler takes: the context, who asks, and values out of the request.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, GenericArgument, Ident, Pat, PatType, PathArguments, Type};

use crate::errors::Errors;

/// One parameter of a handler.
pub(super) enum Param {
    /// With its type, as it was written.
    Context(Context, Box<Type>),
    Value(Box<Value>),
}

/// What a handler may know beside the values of the request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// `&Cx`
    Cx,
    /// `Cx`
    OwnCx,
    /// `Cx<Self>`
    StateCx,
    /// `&Session`
    Session,
    /// `&Viewer`
    Viewer,
    /// `&ViewCx`
    ViewCx,
    /// `Channel`
    Channel,
    /// `WsMessage`
    WsMessage,
}

impl Context {
    /// What it is called, however it is taken.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cx | Self::OwnCx | Self::StateCx => "Cx",
            Self::Session => "Session",
            Self::Viewer => "Viewer",
            Self::ViewCx => "ViewCx",
            Self::Channel => "Channel",
            Self::WsMessage => "WsMessage",
        }
    }
}

impl Param {
    /// Whether it is this context.
    pub(super) fn is(&self, context: Context) -> bool {
        matches!(self, Self::Context(own, _) if *own == context)
    }
}

/// A value out of the request.
pub(super) struct Value {
    pub(super) ident: Ident,
    /// As it was written: what a client takes.
    pub(super) written: Type,
    /// What it is read as.
    pub(super) owned: Type,
    pass: Pass,
}

#[derive(Clone, Copy)]
enum Pass {
    Value,
    Ref,
    Deref,
}

impl Value {
    /// The name as callers know it.
    pub(super) fn name(&self) -> String {
        syn::ext::IdentExt::unraw(&self.ident).to_string()
    }

    /// The value as the method takes it.
    pub(super) fn passed(&self) -> TokenStream {
        let ident = &self.ident;
        match self.pass {
            Pass::Value => quote!(#ident),
            Pass::Ref => quote!(&#ident),
            Pass::Deref => quote!(#ident.as_deref()),
        }
    }
}

/// Reads a parameter; `None` if it is none, which is noted then.
pub(super) fn read(arg: &PatType, errors: &mut Errors) -> Option<Param> {
    if let Some(known) = context(&arg.ty) {
        let context = errors.take(known)?;
        return Some(Param::Context(context, arg.ty.clone()));
    }
    let Pat::Ident(pattern) = &*arg.pat else {
        errors.at(
            &arg.pat,
            "an argument needs a name, which callers give it by; take it apart in the body",
        );
        return None;
    };
    let (owned, pass) = errors.take(owned(&arg.ty))?;
    Some(Param::Value(Box::new(Value {
        ident: pattern.ident.clone(),
        written: (*arg.ty).clone(),
        owned,
        pass,
    })))
}

/// Contexts are known by the last part of their type's name. `None`: it is none.
fn context(ty: &Type) -> Option<syn::Result<Context>> {
    let (inner, reference) = match ty {
        Type::Reference(reference) => (&*reference.elem, Some(reference)),
        other => (other, None),
    };
    let Type::Path(path) = inner else {
        return None;
    };
    let segment = path.path.segments.last()?;
    let (context, by_ref) = match (segment.ident.to_string().as_str(), state_of(segment)) {
        ("Cx", State::None) if reference.is_none() => (Context::OwnCx, false),
        ("Cx", State::None) => (Context::Cx, true),
        ("Cx", State::Own) => (Context::StateCx, false),
        ("Cx", State::Other) => {
            let text = "the context is `Cx<Self>`, or `&Cx` beside `self`";
            return Some(Err(Error::new_spanned(ty, text)));
        }
        ("Session", _) => (Context::Session, true),
        ("Viewer", _) => (Context::Viewer, true),
        ("ViewCx", _) => (Context::ViewCx, true),
        ("Channel", _) => (Context::Channel, false),
        ("WsMessage", _) => (Context::WsMessage, false),
        _ => return None,
    };
    let name = context.name();
    let is_mut = reference.is_some_and(|reference| reference.mutability.is_some());
    let text = match (by_ref, reference.is_some()) {
        (true, true) if is_mut => format!("`{name}` is taken as `&{name}`, without `mut`"),
        (true, false) => format!("take `&{name}`: it belongs to the message"),
        (false, true) if context == Context::StateCx => {
            "take `Cx<Self>` by value, in a handler without `self`; with `self` take `&Cx`"
                .to_owned()
        }
        (false, true) => format!("take `{name}`, not a reference to it"),
        _ => return Some(Ok(context)),
    };
    Some(Err(Error::new_spanned(ty, text)))
}

enum State {
    None,
    Own,
    Other,
}

fn state_of(segment: &syn::PathSegment) -> State {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return State::None;
    };
    let mut types = arguments.args.iter();
    match (types.next(), types.next()) {
        (Some(GenericArgument::Type(Type::Path(path))), None) if path.path.is_ident("Self") => {
            State::Own
        }
        (Some(GenericArgument::Type(Type::Tuple(unit))), None) if unit.elems.is_empty() => {
            State::None
        }
        _ => State::Other,
    }
}

/// What a parameter's type is read as.
fn owned(ty: &Type) -> syn::Result<(Type, Pass)> {
    if let Type::Reference(reference) = ty {
        if reference.mutability.is_some() {
            return Err(Error::new_spanned(
                ty,
                "an argument comes from elsewhere, so it cannot be `&mut`; take it by value",
            ));
        }
        if let Some(lifetime) = &reference.lifetime {
            return Err(Error::new_spanned(
                lifetime,
                "an argument lives as long as the call; leave the lifetime out or take an owned type",
            ));
        }
        let owned = match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => syn::parse_quote!(String),
            Type::Slice(slice) => {
                let item = &slice.elem;
                check_owned(item)?;
                syn::parse_quote!(Vec<#item>)
            }
            other => {
                check_owned(other)?;
                other.clone()
            }
        };
        return Ok((owned, Pass::Ref));
    }
    if let Some(inner) = option_of_ref(ty) {
        let owned = match inner {
            Type::Path(path) if path.path.is_ident("str") => syn::parse_quote!(Option<String>),
            Type::Slice(slice) => {
                let item = &slice.elem;
                syn::parse_quote!(Option<Vec<#item>>)
            }
            other => {
                return Err(Error::new_spanned(
                    other,
                    "of references in an `Option`, only `Option<&str>` and `Option<&[T]>` can be arguments; \
                     take an owned type",
                ));
            }
        };
        return Ok((owned, Pass::Deref));
    }
    check_owned(ty)?;
    Ok((ty.clone(), Pass::Value))
}

fn option_of_ref(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else {
        return None;
    };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(Type::Reference(reference))
            if segment.ident == "Option"
                && reference.mutability.is_none()
                && reference.lifetime.is_none() =>
        {
            Some(&reference.elem)
        }
        _ => None,
    }
}

/// Refuses what no request can bring.
fn check_owned(ty: &Type) -> syn::Result<()> {
    struct Finder(Option<Error>);
    impl Finder {
        fn refuse(&mut self, place: &impl ToTokens, message: &str) {
            self.0
                .get_or_insert_with(|| Error::new_spanned(place, message));
        }
    }
    impl<'ast> syn::visit::Visit<'ast> for Finder {
        fn visit_type(&mut self, ty: &'ast Type) {
            match ty {
                Type::Reference(_) | Type::Ptr(_) => {
                    self.refuse(ty, "a reference in here has nobody to borrow from; take an owned type");
                }
                Type::ImplTrait(_) => self.refuse(
                    ty,
                    "a request has to say which type comes, so `impl Trait` cannot be an argument; name a type",
                ),
                Type::TraitObject(_) | Type::BareFn(_) => {
                    self.refuse(ty, "this cannot come in a request; take data");
                }
                Type::Infer(_) => self.refuse(ty, "name the type"),
                _ => syn::visit::visit_type(self, ty),
            }
        }

        fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
            self.refuse(
                lifetime,
                "a borrow in here has nobody to borrow from; take an owned type",
            );
        }
    }
    let mut finder = Finder(None);
    syn::visit::Visit::visit_type(&mut finder, ty);
    finder.0.map_or(Ok(()), Err)
}
