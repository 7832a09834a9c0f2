//! What a person sees when there is no page.

use http::StatusCode;

use crate::html::{Html, ViewError};

/// A whole document, for a request that a browser made by itself. It needs nothing else.
pub(crate) fn document(status: StatusCode, message: &str, detail: Option<&str>) -> String {
    let page = maud::html! {
        (maud::DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (status.as_u16()) " " (reason(status)) }
            }
            body style="font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 12vh auto; padding: 0 1.5rem" {
                p style="font-size: 4rem; font-weight: 700; margin: 0; opacity: .25" { (status.as_u16()) }
                h1 style="margin: 0 0 .5rem; font-size: 1.4rem" { (reason(status)) }
                p { (message) }
                @if let Some(detail) = detail {
                    pre style="overflow: auto; padding: 1rem; border: 1px solid #8884; border-radius: .5rem; font-size: .85rem; line-height: 1.4" { (detail) }
                    p style="opacity: .6; font-size: .85rem" { "You see the details because this is a debug build." }
                }
            }
        }
    };
    page.into_string()
}

/// The same inside of a live page, which comes back by itself once the view works again.
pub(crate) fn fragment(error: &ViewError, dev: bool) -> Html {
    let status = error.status();
    let page = maud::html! {
        section .hs-error role="alert" {
            h1 { (reason(status)) }
            @if error.is_internal() {
                p { "This page could not be shown. It comes back by itself." }
                @if dev { pre { (error) } p { small { "You see the details because this is a debug build." } } }
            } @else {
                p { (error) }
            }
        }
    };
    page.into()
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Something is wrong")
}
