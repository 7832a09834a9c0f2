//! What `#[hyperapp]` writes beside the block: a table of functions, the description, a client.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ReturnType};

use super::marks::Mark;
use super::params::{Context, Param, Value};
use super::{App, Method, Receiver, client, interface};

/// The whole expansion.
pub(super) fn app(app: &App) -> TokenStream {
    let item = &app.item;
    let hyperapp = hyperapp(app);
    let client = client::client(app, |_| true);
    if app.settings.features {
        return quote! {
            #[cfg(feature = "app")]
            #item
            #[cfg(feature = "app")]
            #hyperapp
            #client
        };
    }
    quote!(#item #hyperapp #client)
}

fn hyperapp(app: &App) -> TokenStream {
    let own = &app.item.self_ty;
    let views = app.methods.iter().filter(|method| method.is_view());
    let views = views.map(|method| {
        let cfgs = &method.cfgs;
        let view = view(method);
        quote!(#(#cfgs)* #view)
    });
    let handlers = app.methods.iter().filter(|method| !method.is_view());
    let handlers = handlers.map(|method| {
        let cfgs = &method.cfgs;
        let run = run(method);
        quote!(#(#cfgs)* #run)
    });
    let interface = interface::interface(app);
    let assets = app.settings.assets.iter().map(|(name, file)| {
        quote! {
            ::hyperstar_process::__private::Asset {
                name: #name,
                body: ::std::include_bytes!(::std::concat!(::std::env!("CARGO_MANIFEST_DIR"), #file)),
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl ::hyperstar_process::__private::Hyperapp for #own {
            const HANDLERS: &'static [::hyperstar_process::__private::Run<Self>] = &[#(#handlers),*];
            const VIEWS: &'static [::hyperstar_process::__private::ViewFn<Self>] = &[#(#views),*];
            const ASSETS: &'static [::hyperstar_process::__private::Asset] = &[#(#assets),*];
            fn interface() -> ::hyperstar_process::__private::Interface {
                #interface
            }
        }
    }
}

/// Names of the expansion's own, which no argument's name can be taken for.
struct Locals {
    app: Ident,
    call: Ident,
    arguments: Ident,
    value: Ident,
}

impl Locals {
    fn new(method: &Method) -> Self {
        // What is wrong with the value is wrong with its type.
        let place = returned(method).resolved_at(Span::mixed_site());
        Self {
            app: local("app"),
            call: local("call"),
            arguments: local("arguments"),
            value: Ident::new("value", place),
        }
    }
}

fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// An entry of the table of views.
fn view(method: &Method) -> TokenStream {
    let Locals {
        app, call, value, ..
    } = Locals::new(method);
    let ident = &method.ident;
    let mut reads = Vec::new();
    let mut passed = Vec::new();
    for param in &method.params {
        passed.push(match param {
            Param::Context(Context::Session, _) => {
                quote!(::hyperstar_process::__private::view_session(#call)?)
            }
            Param::Context(Context::Viewer, _) => {
                quote!(::hyperstar_process::__private::view_viewer(#call)?)
            }
            Param::Value(value) => {
                let Value { ident, owned, .. } = &**value;
                let name = value.name();
                let read = quote_spanned! {located(owned)=>
                    ::hyperstar_process::__private::view_param::<#owned>
                };
                reads.push(quote!(let #ident = #read(#call, #name)?;));
                value.passed()
            }
            Param::Context(..) => quote!(#call.cx),
        });
    }
    let into_html = quote_spanned! {returned(method)=>
        ::hyperstar_process::__private::IntoHtml::into_html(#value)
    };
    quote! {
        |#app, #call| {
            #(#reads)*
            let #value = Self::#ident(#app, #(#passed),*);
            #into_html
        }
    }
}

/// An entry of the table of handlers.
fn run(method: &Method) -> TokenStream {
    let own = Locals::new(method);
    let Locals {
        app, call, value, ..
    } = &own;
    let ident = &method.ident;
    let (reads, passed) = arguments(method, &own);
    let answer = answer(method, &own);
    match (method.receiver, method.is_async) {
        (receiver @ (Receiver::Ref | Receiver::Mut), false) => {
            let kind = local(if receiver == Receiver::Mut {
                "Write"
            } else {
                "Read"
            });
            quote! {
                ::hyperstar_process::__private::Run::#kind(|#app, #call| {
                    #reads
                    let #value = Self::#ident(#app, #passed);
                    #answer
                })
            }
        }
        (receiver @ (Receiver::Ref | Receiver::Mut), true) => {
            let is_mut = (receiver == Receiver::Mut).then(|| quote!(mut));
            let outcome = local("outcome");
            quote! {
                ::hyperstar_process::__private::Run::Exclusive(|#is_mut #app, #call| {
                    ::hyperstar_process::__private::Box::pin(async move {
                        let #call = &#call;
                        let #outcome = async {
                            #reads
                            let #value = Self::#ident(& #is_mut *#app, #passed).await;
                            #answer
                        };
                        let #outcome = #outcome.await;
                        (#app, #outcome)
                    })
                })
            }
        }
        (Receiver::None, is_async) => {
            let wait = is_async.then(|| quote!(.await));
            quote! {
                ::hyperstar_process::__private::Run::Concurrent(|#call| {
                    ::hyperstar_process::__private::Box::pin(async move {
                        let #call = &#call;
                        #reads
                        let #value = Self::#ident(#passed) #wait;
                        #answer
                    })
                })
            }
        }
    }
}

/// Reads the arguments, and how they are passed.
fn arguments(method: &Method, own: &Locals) -> (TokenStream, TokenStream) {
    let Locals {
        call, arguments, ..
    } = own;
    let handler = method.name();
    let mut reads = TokenStream::new();
    let names: Vec<String> = method.values().map(Value::name).collect();
    // Who sends arguments to a handler that takes none hears of it.
    let is_asked = method.is_called() || method.has(|mark| matches!(mark, Mark::Http(_)));
    if is_asked || !names.is_empty() {
        let binding = match names.is_empty() {
            true => quote!(let _),
            false => quote!(let #arguments),
        };
        let read = quote!(#call.args(#handler, [#(#names),*]));
        reads.extend(or_return(&binding, &read));
    }
    let (channel, message) = (local("channel"), local("message"));
    if method.has(|mark| matches!(mark, Mark::Ws(_) | Mark::WsClient)) {
        reads.extend(or_return(
            &quote!(let (#channel, #message)),
            &quote!(#call.ws()),
        ));
    }
    let mut passed = Vec::new();
    let mut place = 0_usize;
    for param in &method.params {
        passed.push(match param {
            Param::Context(context, _) => match context {
                Context::Cx | Context::ViewCx => quote!(#call.cx()),
                Context::OwnCx => quote!(::core::clone::Clone::clone(#call.cx())),
                Context::StateCx => quote!(#call.cx().of::<Self>()),
                Context::Channel => quote!(#channel),
                Context::WsMessage => quote!(#message),
                Context::Session => {
                    let session = local("session");
                    let read = quote!(#call.session(#handler));
                    reads.extend(or_return(&quote!(let #session), &read));
                    quote!(#session)
                }
                Context::Viewer => {
                    let viewer = local("viewer");
                    let read = quote!(#call.viewer(#handler));
                    reads.extend(or_return(&quote!(let #viewer), &read));
                    quote!(#viewer)
                }
            },
            Param::Value(value) => {
                let Value { ident, owned, .. } = &**value;
                let take = quote_spanned!(located(owned)=> #arguments.take::<#owned>);
                reads.extend(or_return(&quote!(let #ident), &quote!(#take(#place))));
                place += 1;
                value.passed()
            }
        });
    }
    (reads, quote!(#(#passed),*))
}

/// `let pattern = result` with an early return of its error.
fn or_return(binding: &TokenStream, result: &TokenStream) -> TokenStream {
    let (value, outcome) = (local("value"), local("outcome"));
    quote! {
        #binding = match #result {
            ::hyperstar_process::__private::Result::Ok(#value) => #value,
            ::hyperstar_process::__private::Result::Err(#outcome) => return #outcome,
        };
    }
}

/// Turns the value into the answer, by who asked.
fn answer(method: &Method, own: &Locals) -> TokenStream {
    let Locals { call, value, .. } = own;
    let span = returned(method);
    let mut arms = Vec::new();
    if method.is_called() {
        let answer = quote_spanned! {span=>
            ::hyperstar_process::__private::answer::process(&#value)
        };
        arms.push((quote!(Process), answer));
    }
    if method.has(|mark| matches!(mark, Mark::Http(_))) {
        let answer = quote_spanned!(span=> ::hyperstar_process::__answer_http!(#value));
        arms.push((quote!(Http), answer));
    }
    if method.has(|mark| matches!(mark, Mark::Action | Mark::Join | Mark::Leave)) {
        let answer = quote_spanned!(span=> ::hyperstar_process::__answer_page!(#value));
        arms.push((quote!(Action), answer));
    }
    let for_itself = method.has(|mark| {
        matches!(
            mark,
            Mark::Init | Mark::Stop | Mark::Every(_) | Mark::Ws(_) | Mark::WsClient | Mark::Eth
        )
    });
    if for_itself {
        let answer = quote_spanned!(span=> ::hyperstar_process::__answer_nobody!(#value));
        arms.push((quote!(Nobody), answer));
    }
    if let [(_, only)] = arms.as_slice() {
        return only.clone();
    }
    let arms = arms
        .iter()
        .map(|(way, answer)| quote!(::hyperstar_process::__private::Way::#way => #answer,));
    quote! {
        match #call.way() {
            #(#arms)*
            _ => ::hyperstar_process::__private::answer::unasked(),
        }
    }
}

/// Where the type that a method returns stands.
fn returned(method: &Method) -> Span {
    match &method.output {
        ReturnType::Type(_, ty) => located(ty),
        ReturnType::Default => located(&method.ident),
    }
}

/// Where a type stands, for errors about it, in code that is ours, for lints.
pub(super) fn located(ty: &impl Spanned) -> Span {
    Span::call_site().located_at(ty.span())
}
