//! The document that a page is first loaded as.

use std::sync::Arc;

use crate::app::Shared;
use crate::group::{main_into, title_into};
use crate::html::{Html, escape_into};

/// Our own assets.
pub(crate) const CLIENT_JS: &str = "hyperstar.js";
pub(crate) const CLIENT_CSS: &str = "hyperstar.css";
pub(crate) const DATASTAR_JS: &str = "datastar.js";

/// What every page of an app has around its content.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) lang: String,
    pub(crate) head: String,
    pub(crate) stylesheets: Vec<String>,
    pub(crate) scripts: Vec<String>,
}

impl Default for Shell {
    fn default() -> Self {
        Self {
            title: "Hyperstar".to_owned(),
            lang: "en".to_owned(),
            head: String::new(),
            stylesheets: Vec::new(),
            scripts: Vec::new(),
        }
    }
}

/// What one page load adds to it.
pub(crate) struct Load<'a> {
    /// What the page's own stream is asked for at.
    pub(crate) uri: &'a str,
    /// Names the content, so that the stream need not send it again.
    pub(crate) hash: &'a str,
    /// Names the tab.
    pub(crate) tab: &'a str,
    /// Admits our scripts, and no others, to this document.
    pub(crate) nonce: &'a str,
    /// See [`View`](crate::View): the stylesheet in place of all that is the app's.
    pub(crate) alone: Option<&'static str>,
}

impl Shell {
    pub(crate) fn linked(&self) -> impl Iterator<Item = &str> {
        let own = [CLIENT_CSS, CLIENT_JS, DATASTAR_JS];
        own.into_iter().chain(
            self.stylesheets
                .iter()
                .chain(&self.scripts)
                .map(String::as_str),
        )
    }

    /// The whole document, with the first render in it: it can be read without JavaScript.
    pub(crate) fn document(&self, shared: &Arc<Shared>, html: &Html, load: &Load<'_>) -> String {
        let mut out = String::with_capacity(html.as_str().len() + self.head.len() + 2_048);
        let nonce = load.nonce;
        out.push_str("<!doctype html>\n<html lang=\"");
        escape_into(&mut out, &self.lang);
        // Datastar takes the nonce from here, removes it, and needs no `unsafe-eval` then.
        out.push_str(&format!(
            "\" data-nonce=\"{nonce}\" data-hs-tab=\"{}\" data-hs-build=\"{}\">\n<head>",
            load.tab,
            shared.build()
        ));
        out.push_str("<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        title_into(&mut out, html.title_text().unwrap_or(&self.title));
        let (stylesheets, scripts, head) = match &load.alone {
            Some(stylesheet) => (vec![*stylesheet], Vec::new(), ALONE_HEAD),
            None => (names(&self.stylesheets), names(&self.scripts), &*self.head),
        };
        for name in std::iter::once(CLIENT_CSS).chain(stylesheets) {
            out.push_str("<link rel=\"stylesheet\" href=\"");
            escape_into(&mut out, &shared.asset_url(name));
            out.push_str("\">");
        }
        out.push_str(head);
        // In this order: ours watches every request that Datastar makes.
        for name in std::iter::once(CLIENT_JS).chain(scripts) {
            out.push_str(&format!("<script defer nonce=\"{nonce}\" src=\""));
            escape_into(&mut out, &shared.asset_url(name));
            out.push_str("\"></script>");
        }
        out.push_str(&format!("<script type=\"module\" nonce=\"{nonce}\" src=\""));
        escape_into(&mut out, &shared.asset_url(DATASTAR_JS));
        out.push_str("\"></script></head>\n<body data-init=\"");
        escape_into(&mut out, &stream_expression(load));
        out.push_str("\">");
        main_into(&mut out, html);
        out.push_str("</body>\n</html>\n");
        out
    }
}

/// Without an icon a browser asks for one that the app need not have.
const ALONE_HEAD: &str = "<meta name=\"robots\" content=\"noindex\"><link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Cpath fill='%236672e8' d='M12 1l3 8 8 3-8 3-3 8-3-8-8-3 8-3z'/%3E%3C/svg%3E\">";

fn names(assets: &[String]) -> Vec<&str> {
    assets.iter().map(String::as_str).collect()
}

/// Opens the page's stream, and again whenever it ends, however it ended, for as long as the page is
/// looked at.
fn stream_expression(load: &Load<'_>) -> String {
    let uri = hyperstar_datastar::js_string(load.uri);
    let hash = hyperstar_datastar::js_string(load.hash);
    // Our script waits before it connects again; Datastar does if the script is not there.
    // The header's name in lower case, as Datastar itself writes it later: one header, not two.
    format!(
        "@post({uri},{{payload:{{}},headers:{{'hs-stream':'{}','last-event-id':{hash}}},openWhenHidden:false,requestCancellation:'disabled',retry:'always',retryMaxCount:Infinity,retryScaler:1,retryInterval:el.hsWaits?1:1000}})",
        load.tab
    )
}
