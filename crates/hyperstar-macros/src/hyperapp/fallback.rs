//! What is written when something is wrong: so little that one mistake gives one error.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ReturnType, Type};

use super::{App, Method, client};
use crate::errors::Errors;

/// The errors, the block without our attributes, an app without handlers, and the client of what was
/// understood.
pub(super) fn stub(mut app: App, errors: Errors) -> TokenStream {
    let errors = errors.into_tokens();
    drop_doubles(&mut app);
    let item = &app.item;
    let own = &item.self_ty;
    let client = client::client(&app, is_sound);
    quote! {
        #errors
        #item
        #[automatically_derived]
        impl ::hyperstar_process::__private::Hyperapp for #own {
            const HANDLERS: &'static [::hyperstar_process::__private::Run<Self>] = &[];
            const VIEWS: &'static [::hyperstar_process::__private::ViewFn<Self>] = &[];
            fn interface() -> ::hyperstar_process::__private::Interface {
                ::hyperstar_process::__private::Interface::new("")
            }
        }
        #client
    }
}

/// Whether a client can have the method.
fn is_sound(method: &Method) -> bool {
    let returns_data = match &method.output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => !matches!(**ty, Type::Reference(_) | Type::ImplTrait(_)),
    };
    returns_data && method.is_understood && !client::OWN_METHODS.contains(&method.name().as_str())
}

/// Takes away what would be said twice: methods whose name another has.
fn drop_doubles(app: &mut App) {
    let mut seen = Vec::new();
    app.item.items.retain(|item| match item {
        ImplItem::Fn(function) => {
            let is_new = !seen.contains(&function.sig.ident);
            seen.push(function.sig.ident.clone());
            is_new
        }
        _ => true,
    });
    let mut seen = Vec::new();
    app.methods.retain(|method| {
        let is_new = !seen.contains(&method.ident);
        seen.push(method.ident.clone());
        is_new
    });
}
