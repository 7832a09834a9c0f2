//! The description of an app, as code that makes it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, Lit, Meta, ReturnType};

use super::expand::located;
use super::marks::Mark;
use super::params::Context;
use super::{App, Method, Receiver, marks};

/// The body of `Hyperapp::interface`.
pub(super) fn interface(app: &App) -> TokenStream {
    let settings = &app.settings;
    let name = &settings.name;
    let save = &settings.save;
    let icon = option(&settings.icon);
    let ui = option(&settings.ui);
    let wit_world = option(&settings.wit_world);
    let widget = settings.widget;
    let endpoints = &settings.endpoints;
    let views = app.methods.iter().filter_map(|method| {
        let cfgs = &method.cfgs;
        let view = view(method)?;
        Some(quote!(#(#cfgs)* { #view }))
    });
    let handlers = app.methods.iter().filter(|method| !method.is_view());
    let handlers = handlers.map(|method| {
        let cfgs = &method.cfgs;
        let handler = handler(method);
        quote!(#(#cfgs)* { #handler })
    });
    quote! {
        use ::hyperstar_process::__private as __hs;
        let mut types = __hs::Types::default();
        let types = &mut types;
        let mut interface = __hs::Interface::new(#name);
        interface.icon = #icon;
        interface.widget = #widget;
        interface.ui = #ui;
        interface.endpoints = ::std::vec![#(__hs::Into::into(#endpoints)),*];
        interface.wit_world = #wit_world;
        interface.save = __hs::Save::#save;
        interface.state_version = __hs::state_version::<Self>();
        #(#views)*
        #(#handlers)*
        interface.types = ::core::mem::take(&mut types.named).into_iter().collect();
        interface
    }
}

fn option(text: &Option<syn::LitStr>) -> TokenStream {
    match text {
        Some(text) => quote!(__hs::Option::Some(__hs::Into::into(#text))),
        None => quote!(__hs::Option::None),
    }
}

fn view(method: &Method) -> Option<TokenStream> {
    let marks::View {
        path,
        title,
        frame_ms,
    } = method.marks.iter().find_map(|(mark, _)| match mark {
        Mark::View(view) => Some(view),
        _ => None,
    })?;
    let name = method.name();
    let audience = if method.takes(Context::Viewer) {
        quote!(Viewer)
    } else if method.takes(Context::Session) {
        quote!(Session)
    } else {
        quote!(Everyone)
    };
    let title = option(title);
    let frame_ms = match frame_ms {
        Some(frame_ms) => quote!(__hs::Option::Some(#frame_ms)),
        None => quote!(__hs::Option::None),
    };
    Some(quote! {
        let mut view = __hs::View::new(#name, #path);
        view.audience = __hs::Audience::#audience;
        view.title = #title;
        view.frame_ms = #frame_ms;
        interface.views.push(view);
    })
}

fn handler(method: &Method) -> TokenStream {
    let name = method.name();
    let mode = match (method.receiver, method.is_async) {
        (Receiver::None, _) => quote!(Concurrent),
        (_, true) => quote!(Exclusive),
        (Receiver::Ref, false) => quote!(Read),
        (Receiver::Mut, false) => quote!(Write),
    };
    let triggers = method.marks.iter().filter_map(|(mark, _)| trigger(mark));
    let access = match method.has(|mark| matches!(mark, Mark::Public)) {
        true => quote!(Public),
        false => quote!(Granted),
    };
    let doc = doc(&method.docs);
    // What processes and programs send must have a type that they can know.
    let is_described = method.is_called() || method.has(|mark| matches!(mark, Mark::Http(_)));
    let params = method.values().map(|value| {
        let name = value.name();
        let owned = &value.owned;
        let ty = match is_described {
            true => quote_spanned!(located(owned)=> <#owned as __hs::Wire>::wire(types)),
            false => quote!(::hyperstar_process::__wire_or_json!(#owned, types)),
        };
        quote!(__hs::Param { name: __hs::Into::into(#name), ty: #ty })
    });
    let returns = match &method.output {
        ReturnType::Default => quote!(__hs::Type::Unit),
        ReturnType::Type(_, ty) if method.is_called() => {
            quote_spanned!(located(ty)=> <#ty as __hs::Wire>::wire(types))
        }
        ReturnType::Type(_, ty) if has_impl(ty) => quote!(__hs::Type::Json),
        ReturnType::Type(_, ty) => quote!(::hyperstar_process::__wire_or_json!(#ty, types)),
    };
    quote! {
        let mut handler = __hs::Handler::new(#name, __hs::Mode::#mode);
        handler.triggers = ::std::vec![#(#triggers),*];
        handler.access = __hs::Access::#access;
        handler.params = ::std::vec![#(#params),*];
        handler.returns = #returns;
        handler.doc = __hs::Into::into(#doc);
        interface.handlers.push(handler);
    }
}

fn has_impl(ty: &syn::Type) -> bool {
    struct Finder(bool);
    impl<'ast> syn::visit::Visit<'ast> for Finder {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    syn::visit::Visit::visit_type(&mut finder, ty);
    finder.0
}

fn trigger(mark: &Mark) -> Option<TokenStream> {
    Some(match mark {
        Mark::Init => quote!(__hs::Trigger::Init),
        Mark::Action => quote!(__hs::Trigger::Action),
        Mark::Local => quote!(__hs::Trigger::Local),
        Mark::Remote => quote!(__hs::Trigger::Remote),
        Mark::Ws(path) => quote!(__hs::Trigger::Ws(__hs::Into::into(#path))),
        Mark::WsClient => quote!(__hs::Trigger::WsClient),
        Mark::Eth => quote!(__hs::Trigger::Eth),
        Mark::Join => quote!(__hs::Trigger::Join),
        Mark::Leave => quote!(__hs::Trigger::Leave),
        Mark::Every(every_ms) => quote!(__hs::Trigger::Every(#every_ms)),
        Mark::Stop => quote!(__hs::Trigger::Stop),
        Mark::Http(http) => {
            let method = match &http.method {
                Some(method) => {
                    let method = method.to_string();
                    quote!(__hs::Option::Some(__hs::Into::into(#method)))
                }
                None => quote!(__hs::Option::None),
            };
            let path = option(&http.path);
            quote!(__hs::Trigger::Http(__hs::Http { method: #method, path: #path }))
        }
        Mark::View(_) | Mark::Public => return None,
    })
}

/// The text of doc comments, a line each.
fn doc(docs: &[Attribute]) -> String {
    let lines = docs.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines = lines.map(|line| {
        line.strip_prefix(' ')
            .unwrap_or(&line)
            .trim_end()
            .to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
