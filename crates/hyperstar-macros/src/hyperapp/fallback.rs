//! What is written when something is wrong: so little that one mistake gives one error.

use proc_macro2::TokenStream;
use quote::quote;

use super::{App, client};
use crate::errors::Errors;

/// The errors, the block without our attributes, an app without handlers, and the client of what was
/// understood.
pub(super) fn stub(app: &App, errors: Errors) -> TokenStream {
    let errors = errors.into_tokens();
    let item = &app.item;
    let own = &item.self_ty;
    let client = client::client(app);
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
