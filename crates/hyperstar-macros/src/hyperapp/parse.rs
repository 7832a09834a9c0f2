//! Reads the block and takes our attributes out of it.

use proc_macro2::TokenStream;
use syn::{Attribute, FnArg, ImplItem, ImplItemFn, Item, ItemImpl};

use super::params::{self, Param};
use super::{App, Method, Receiver, Settings, marks};
use crate::errors::Errors;

/// The app, or nothing if this is no block that could be one.
pub(super) fn app(settings: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<App> {
    let settings = Settings::read(settings, errors);
    let mut item = block(errors.take(syn::parse2(item))?, errors)?;
    let mut methods = Vec::new();
    for one in &mut item.items {
        match one {
            ImplItem::Fn(function) => {
                if let Some(method) = method(function, errors) {
                    methods.push(method);
                }
            }
            ImplItem::Const(other) => only_on_methods(&mut other.attrs, errors),
            ImplItem::Type(other) => only_on_methods(&mut other.attrs, errors),
            ImplItem::Macro(other) => only_on_methods(&mut other.attrs, errors),
            _ => {}
        }
    }
    Some(App {
        settings,
        item,
        methods,
    })
}

fn block(item: Item, errors: &mut Errors) -> Option<ItemImpl> {
    const WHERE: &str =
        "`#[hyperapp]` belongs above the `impl` block with the handlers: `impl Counter { .. }`";
    let item = match item {
        Item::Impl(item) => item,
        Item::Struct(item) => {
            let hint = "the struct itself gets `#[derive(Default, State)]`";
            errors.at(&item.struct_token, format!("{WHERE}; {hint}"));
            return None;
        }
        other => {
            errors.at(&other, WHERE);
            return None;
        }
    };
    if let Some((_, path, _)) = &item.trait_ {
        errors.at(
            path,
            "handlers are the struct's own methods, not a trait's; write `impl Counter { .. }`",
        );
        return None;
    }
    if !item.generics.params.is_empty() {
        errors.at(
            &item.generics,
            "an app is one type, whose state is kept; it cannot be generic",
        );
        return None;
    }
    match &*item.self_ty {
        syn::Type::Path(path)
            if path.qself.is_none()
                && path
                    .path
                    .segments
                    .last()
                    .is_some_and(|last| last.arguments.is_none()) => {}
        other => {
            errors.at(
                other,
                "an app is a struct of yours by its name; it cannot be generic",
            );
            return None;
        }
    }
    Some(item)
}

fn only_on_methods(attributes: &mut Vec<Attribute>, errors: &mut Errors) {
    for attribute in attributes.extract_if(.., |attribute| marks::is_ours(attribute)) {
        errors.at(&attribute, "only methods can be handlers; take it away");
    }
}

fn method(function: &mut ImplItemFn, errors: &mut Errors) -> Option<Method> {
    let ours: Vec<Attribute> = function
        .attrs
        .extract_if(.., |one| marks::is_ours(one))
        .collect();
    for input in &mut function.sig.inputs {
        let attributes = match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        };
        for attribute in attributes.extract_if(.., |one| marks::is_ours(one)) {
            errors.at(
                &attribute,
                "this belongs above the method, not on an argument",
            );
        }
    }
    if ours.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    for attribute in &ours {
        all.extend(marks::read(attribute, errors));
    }
    let signature = &function.sig;
    if let Some(keyword) = &signature.constness {
        errors.at(
            keyword,
            "a handler runs when a message comes, so it cannot be `const`; take it away",
        );
    }
    if let Some(keyword) = &signature.unsafety {
        errors.at(
            keyword,
            "nobody who asks can promise anything, so a handler cannot be `unsafe`; take it away",
        );
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, "a handler is a Rust method; take `extern` away");
    }
    if !signature.generics.params.is_empty() {
        errors.at(
            &signature.generics,
            "a request has to say which types come, so a handler cannot be generic; name the types",
        );
    } else if let Some(clause) = &signature.generics.where_clause {
        errors.at(
            clause,
            "a handler has nothing to be generic over; take the `where` away",
        );
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(
            variadic,
            "a handler takes so many arguments as it names; take `...` away",
        );
    }
    let receiver = receiver(function, errors)?;
    let inputs = function.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(arg) => Some(params::read(arg, errors)),
        FnArg::Receiver(_) => None,
    });
    let params: Vec<Option<Param>> = inputs.collect();
    let of = |name: &str| {
        let attributes = function.attrs.iter();
        attributes
            .filter(|one| one.path().is_ident(name))
            .cloned()
            .collect()
    };
    Some(Method {
        ident: function.sig.ident.clone(),
        receiver,
        is_async: function.sig.asyncness.is_some(),
        is_understood: all.len() == ours.len() && params.iter().all(Option::is_some),
        params: params.into_iter().flatten().collect(),
        output: function.sig.output.clone(),
        marks: all,
        docs: of("doc"),
        cfgs: of("cfg"),
    })
}

fn receiver(function: &ImplItemFn, errors: &mut Errors) -> Option<Receiver> {
    let Some(receiver) = function.sig.receiver() else {
        return Some(Receiver::None);
    };
    if receiver.colon_token.is_some() {
        errors.at(receiver, "take `&self` or `&mut self`");
        return None;
    }
    if receiver.reference.is_none() {
        errors.at(
            &receiver.self_token,
            "the state outlives the message, so `self` cannot be taken by value; take `&self` or `&mut self`",
        );
        return None;
    }
    Some(match receiver.mutability {
        Some(_) => Receiver::Mut,
        None => Receiver::Ref,
    })
}
