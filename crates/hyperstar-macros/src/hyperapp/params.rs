//! What a handler takes: the context, who asks, and values out of the request.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, Ident, Pat, PathArguments, Type};

use crate::errors::Errors;

/// One parameter of a handler.
pub(super) enum Param {
    /// `&Cx`
    Cx(proc_macro2::Span),
    /// `Cx`
    OwnCx(proc_macro2::Span),
    /// `Cx<Self>`
    StateCx(proc_macro2::Span),
    /// `&Session`
    Session(proc_macro2::Span),
    /// `&Viewer`
    Viewer(proc_macro2::Span),
    /// `&ViewCx`
    ViewCx(proc_macro2::Span),
    /// `Channel`
    Channel(proc_macro2::Span),
    /// `WsMessage`
    WsMessage(proc_macro2::Span),
    Value(Value),
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

/// Reads a parameter.
pub(super) fn read(arg: &FnArg, errors: &mut Errors) -> Option<Param> {
    let FnArg::Typed(arg) = arg else {
        return None;
    };
    if let Some(context) = context(&arg.ty, errors) {
        return context;
    }
    let Pat::Ident(pattern) = &*arg.pat else {
        errors.at(
            &arg.pat,
            "an argument needs a name, which callers give it by; take it apart in the body",
        );
        return None;
    };
    let (owned, pass) = errors.take(owned(&arg.ty))?;
    Some(Param::Value(Value {
        ident: pattern.ident.clone(),
        written: (*arg.ty).clone(),
        owned,
        pass,
    }))
}

/// Contexts are known by the last part of their type's name.
#[expect(clippy::option_option, reason = "no context, a wrong one, or one")]
fn context(ty: &Type, errors: &mut Errors) -> Option<Option<Param>> {
    let (inner, reference) = match ty {
        Type::Reference(reference) => (&*reference.elem, Some(reference)),
        other => (other, None),
    };
    let Type::Path(path) = inner else {
        return None;
    };
    let segment = path.path.segments.last()?;
    let span = ty.span();
    let name = segment.ident.to_string();
    let is_mut = reference.is_some_and(|reference| reference.mutability.is_some());
    let known = matches!(
        name.as_str(),
        "Cx" | "Session" | "Viewer" | "ViewCx" | "Channel" | "WsMessage"
    );
    if !known {
        return None;
    }
    if is_mut {
        errors.push(
            span,
            format!("`{name}` is taken as `&{name}`, without `mut`"),
        );
        return Some(None);
    }
    let by_ref = |param: Param, errors: &mut Errors| {
        if reference.is_none() {
            errors.push(span, format!("take `&{name}`: it belongs to the message"));
            return None;
        }
        Some(param)
    };
    let by_value = |param: Param, errors: &mut Errors| {
        if reference.is_some() {
            errors.push(span, format!("take `{name}`, not a reference to it"));
            return None;
        }
        Some(param)
    };
    Some(match name.as_str() {
        "Cx" => match (state_of(segment), reference) {
            (State::None, Some(_)) => Some(Param::Cx(span)),
            (State::None, None) => Some(Param::OwnCx(span)),
            (State::Own, None) => Some(Param::StateCx(span)),
            (State::Own, Some(_)) => {
                errors.push(
                    span,
                    "take `Cx<Self>` by value, in a handler without `self`; with `self` take `&Cx`",
                );
                None
            }
            (State::Other, _) => {
                errors.push(span, "the context is `Cx<Self>`, or `&Cx` beside `self`");
                None
            }
        },
        "Session" => by_ref(Param::Session(span), errors),
        "Viewer" => by_ref(Param::Viewer(span), errors),
        "ViewCx" => by_ref(Param::ViewCx(span), errors),
        "Channel" => by_value(Param::Channel(span), errors),
        _ => by_value(Param::WsMessage(span), errors),
    })
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
            return Err(syn::Error::new(
                ty.span(),
                "an argument comes from elsewhere, so it cannot be `&mut`; take it by value",
            ));
        }
        if let Some(lifetime) = &reference.lifetime {
            return Err(syn::Error::new(
                lifetime.span(),
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
                return Err(syn::Error::new(
                    other.span(),
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
    struct Finder(Option<syn::Error>);
    impl Finder {
        fn refuse(&mut self, place: &impl Spanned, message: &str) {
            self.0.get_or_insert(syn::Error::new(place.span(), message));
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
