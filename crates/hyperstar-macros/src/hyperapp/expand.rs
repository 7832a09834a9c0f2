//! What `#[hyperapp]` writes beside the block: a table of functions, the description, a client.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::marks::Mark;
use super::params::{Param, Value};
use super::{App, Method, Receiver, client, interface};

/// The whole expansion.
pub(super) fn app(app: &App) -> TokenStream {
    let item = &app.item;
    let hyperapp = hyperapp(app);
    let client = client::client(app);
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
    quote! {
        #[automatically_derived]
        impl ::hyperstar_process::__private::Hyperapp for #own {
            const HANDLERS: &'static [::hyperstar_process::__private::Run<Self>] = &[#(#handlers),*];
            const VIEWS: &'static [::hyperstar_process::__private::ViewFn<Self>] = &[#(#views),*];
            fn interface() -> ::hyperstar_process::__private::Interface {
                #interface
            }
        }
    }
}

/// An entry of the table of views.
fn view(method: &Method) -> TokenStream {
    let ident = &method.ident;
    let mut reads = Vec::new();
    let mut passed = Vec::new();
    for param in &method.params {
        passed.push(match param {
            Param::Session(_) => quote!(::hyperstar_process::__private::view_session(call)?),
            Param::Viewer(_) => quote!(::hyperstar_process::__private::view_viewer(call)?),
            Param::Value(value) => {
                let Value { ident, owned, .. } = value;
                let name = value.name();
                let read = quote_spanned! {located(owned)=>
                    ::hyperstar_process::__private::view_param::<#owned>
                };
                reads.push(quote!(let #ident = #read(call, #name)?;));
                value.passed()
            }
            _ => quote!(call.cx),
        });
    }
    quote! {
        |app, call| {
            #(#reads)*
            ::hyperstar_process::__private::IntoHtml::into_html(Self::#ident(app, #(#passed),*))
        }
    }
}

/// An entry of the table of handlers.
fn run(method: &Method) -> TokenStream {
    let ident = &method.ident;
    let (reads, passed) = arguments(method);
    let answer = answer(method);
    match (method.receiver, method.is_async) {
        (Receiver::Ref, false) => quote! {
            ::hyperstar_process::__private::Run::Read(|app, call| {
                #reads
                let value = Self::#ident(app, #passed);
                #answer
            })
        },
        (Receiver::Mut, false) => quote! {
            ::hyperstar_process::__private::Run::Write(|app, call| {
                #reads
                let value = Self::#ident(app, #passed);
                #answer
            })
        },
        (Receiver::Ref | Receiver::Mut, true) => {
            let app = match method.receiver {
                Receiver::Mut => quote!(&mut *app),
                _ => quote!(&*app),
            };
            let is_mut = (method.receiver == Receiver::Mut).then(|| quote!(mut));
            quote! {
                ::hyperstar_process::__private::Run::Exclusive(|#is_mut app, call| {
                    ::hyperstar_process::__private::Box::pin(async move {
                        let call = &call;
                        let outcome = async {
                            #reads
                            let value = Self::#ident(#app, #passed).await;
                            #answer
                        };
                        let outcome = outcome.await;
                        (app, outcome)
                    })
                })
            }
        }
        (Receiver::None, is_async) => {
            let wait = is_async.then(|| quote!(.await));
            quote! {
                ::hyperstar_process::__private::Run::Concurrent(|call| {
                    ::hyperstar_process::__private::Box::pin(async move {
                        let call = &call;
                        #reads
                        let value = Self::#ident(#passed) #wait;
                        #answer
                    })
                })
            }
        }
    }
}

/// Reads the arguments, and how they are passed.
fn arguments(method: &Method) -> (TokenStream, TokenStream) {
    let handler = method.name();
    let mut reads = TokenStream::new();
    let names: Vec<String> = method.values().map(Value::name).collect();
    if !names.is_empty() {
        reads.extend(or_return(
            &quote!(let arguments),
            &quote! {
                call.args(#handler, [#(#names),*])
            },
        ));
    }
    let is_ws = method.has(|mark| matches!(mark, Mark::Ws(_) | Mark::WsClient));
    if is_ws {
        reads.extend(or_return(
            &quote!(let (channel, message)),
            &quote!(call.ws()),
        ));
    }
    let mut passed = Vec::new();
    let mut place = 0_usize;
    let mut taken = Vec::new();
    for param in &method.params {
        passed.push(match param {
            Param::Cx(_) | Param::ViewCx(_) => quote!(call.cx()),
            Param::OwnCx(_) => quote!(::core::clone::Clone::clone(call.cx())),
            Param::StateCx(_) => quote!(call.cx().of::<Self>()),
            Param::Session(_) | Param::Viewer(_) => {
                let (name, who) = match param {
                    Param::Session(_) => ("session", quote!(call.session(#handler))),
                    _ => ("viewer", quote!(call.viewer(#handler))),
                };
                let ident = syn::Ident::new(name, Span::mixed_site());
                reads.extend(or_return(&quote!(let #ident), &who));
                quote!(#ident)
            }
            Param::Channel(_) => quote!(channel),
            Param::WsMessage(_) => quote!(message),
            Param::Value(value) => {
                let Value { ident, owned, .. } = value;
                let take = quote_spanned!(located(owned)=> arguments.take::<#owned>);
                taken.push(or_return(&quote!(let #ident), &quote!(#take(#place))));
                place += 1;
                value.passed()
            }
        });
    }
    reads.extend(taken);
    (reads, quote!(#(#passed),*))
}

/// `let pattern = result` with an early return of its error.
fn or_return(binding: &TokenStream, result: &TokenStream) -> TokenStream {
    quote! {
        #binding = match #result {
            ::hyperstar_process::__private::Result::Ok(value) => value,
            ::hyperstar_process::__private::Result::Err(outcome) => return outcome,
        };
    }
}

/// Turns `value` into the answer, by who asked.
fn answer(method: &Method) -> TokenStream {
    let mut arms = Vec::new();
    if method.is_called() {
        arms.push((
            quote!(Process),
            quote!(::hyperstar_process::__private::answer::process(&value)),
        ));
    }
    if method.has(|mark| matches!(mark, Mark::Http(_))) {
        arms.push((
            quote!(Http),
            quote!(::hyperstar_process::__answer_http!(value)),
        ));
    }
    if method.has(|mark| matches!(mark, Mark::Action)) {
        arms.push((
            quote!(Action),
            quote!(::hyperstar_process::__answer_page!(value)),
        ));
    }
    let for_itself = method.has(|mark| {
        matches!(
            mark,
            Mark::Init | Mark::Stop | Mark::Every(_) | Mark::Ws(_) | Mark::WsClient | Mark::Eth
        )
    });
    if for_itself || arms.is_empty() {
        arms.push((
            quote!(Nobody),
            quote!(::hyperstar_process::__answer_nobody!(value)),
        ));
    }
    if let [(_, only)] = arms.as_slice() {
        return only.clone();
    }
    let arms = arms
        .iter()
        .map(|(way, answer)| quote!(::hyperstar_process::__private::Way::#way => #answer,));
    quote! {
        match call.way() {
            #(#arms)*
            _ => ::hyperstar_process::__private::answer::unasked(),
        }
    }
}

/// Where a type stands, for errors about it, in code that is ours, for lints.
pub(super) fn located(ty: &impl Spanned) -> Span {
    Span::call_site().located_at(ty.span())
}
