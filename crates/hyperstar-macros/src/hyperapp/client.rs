//! The typed client of an app: what other processes call it by.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::visit_mut::VisitMut;
use syn::{Ident, ReturnType, Type};

use super::expand::located;
use super::{App, Method};

/// What a client has itself, so that no handler can be called so.
pub(super) const OWN_METHODS: [&str; 3] = ["at", "timeout_ms", "notify"];

/// The client's items, with the methods that it `has`.
pub(super) fn client(app: &App, has: impl Fn(&Method) -> bool) -> TokenStream {
    let called = app.methods.iter().filter(|method| method.is_called());
    let called: Vec<&Method> = called.filter(|method| has(method)).collect();
    if called.is_empty() {
        return TokenStream::new();
    }
    let Some(own) = own_name(&app.item.self_ty) else {
        return TokenStream::new();
    };
    let client = format_ident!("{own}Client");
    let notify = format_ident!("{own}Notify");
    let feature = app
        .settings
        .features
        .then(|| quote!(#[cfg(feature = "client")]));
    let name = &app.settings.name;
    let about_client = format!(
        "Asks the handlers of a {name}: `{client}::at(&cx, &address).handler(..).await`.\n\nWho asks must be \
         granted it, unless the handler is public. Each call takes at most 30 seconds, and no longer than the \
         message that is being handled."
    );
    let about_notify =
        format!("Tells the handlers of a {name} something, and waits for no answer.");
    let own_ty = &app.item.self_ty;
    let calls = called.iter().map(|method| call(method, own_ty));
    let notices = called.iter().map(|method| notice(method, own_ty));
    quote! {
        #feature
        #[doc = #about_client]
        #[derive(Clone, Debug)]
        pub struct #client {
            peer: ::hyperstar_process::__private::Peer,
        }
        #feature
        #[automatically_derived]
        impl #client {
            /// The process at an address.
            pub fn at<S>(
                cx: &::hyperstar_process::__private::Cx<S>,
                to: impl ::hyperstar_process::__private::Into<::hyperstar_process::__private::Address>,
            ) -> Self {
                let peer = ::hyperstar_process::__private::Peer::new(cx, to);
                Self { peer }
            }
            /// The same, given so many milliseconds for each call.
            #[must_use]
            pub fn timeout_ms(self, timeout_ms: u64) -> Self {
                let peer = self.peer.timeout_ms(timeout_ms);
                Self { peer }
            }
            /// Tells rather than asks: it is kept with this turn and delivered once, also if the other
            /// node is away. Of what is told in one turn, 256 at most; more, or more than there is room for while
            /// much is on its way, is not told, and the log says who was not. Ask where each must arrive.
            pub fn notify(&self) -> #notify {
                let peer = ::core::clone::Clone::clone(&self.peer);
                #notify { peer }
            }
            #(#calls)*
        }
        #feature
        #[doc = #about_notify]
        #[derive(Clone, Debug)]
        pub struct #notify {
            peer: ::hyperstar_process::__private::Peer,
        }
        #feature
        #[automatically_derived]
        impl #notify {
            #(#notices)*
        }
    }
}

/// The name of the app's type.
pub(super) fn own_name(own: &Type) -> Option<Ident> {
    match own {
        Type::Path(path) => Some(path.path.segments.last()?.ident.clone()),
        _ => None,
    }
}

fn call(method: &Method, own: &Type) -> TokenStream {
    let Method { ident, cfgs, .. } = method;
    let docs = docs(method, "Asks for");
    let handler = method.name();
    let (params, arguments) = arguments(method, own);
    let output = match &method.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => named(ty, own),
    };
    quote! {
        #docs
        #(#cfgs)*
        pub fn #ident(&self, #params) -> ::hyperstar_process::__private::Asking<#output> {
            self.peer.call(#handler, #arguments)
        }
    }
}

fn notice(method: &Method, own: &Type) -> TokenStream {
    let Method { ident, cfgs, .. } = method;
    let docs = docs(method, "Tells");
    let handler = method.name();
    let (params, arguments) = arguments(method, own);
    quote! {
        #docs
        #(#cfgs)*
        pub fn #ident(&self, #params) {
            self.peer.notify(#handler, #arguments)
        }
    }
}

/// The handler's own words, or ours.
fn docs(method: &Method, does: &str) -> TokenStream {
    let docs = &method.docs;
    if docs.is_empty() {
        let doc = format!("{does} `{}`.", method.name());
        return quote!(#[doc = #doc]);
    }
    quote!(#(#docs)*)
}

fn arguments(method: &Method, own: &Type) -> (TokenStream, TokenStream) {
    let params = method.values().map(|value| {
        let ident = &value.ident;
        let ty = named(&value.written, own);
        quote!(#ident: #ty)
    });
    let withs = method.values().map(|value| {
        let ident = &value.ident;
        let name = value.name();
        quote_spanned!(located(&value.written)=> .with(#name, &#ident))
    });
    (
        quote!(#(#params),*),
        quote!(::hyperstar_process::__private::Arguments::new()#(#withs)*),
    )
}

/// The type outside of the block, where `Self` is another.
fn named(ty: &Type, own: &Type) -> Type {
    struct Namer<'a>(&'a Type);
    impl VisitMut for Namer<'_> {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            match ty {
                Type::Path(path) if path.path.is_ident("Self") => *ty = self.0.clone(),
                _ => syn::visit_mut::visit_type_mut(self, ty),
            }
        }
    }
    let mut ty = ty.clone();
    Namer(own).visit_type_mut(&mut ty);
    ty
}
