//! What a view knows: the address of the page, and who looks where it says that it depends on that.

use crate::abi::{self, Audience, Page, RenderError, RenderRequest};
pub use crate::html::{Html, ViewError};

/// A browser, for as long as its cookie lasts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    id: String,
}

impl Session {
    /// The browser with this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }

    /// What it is known by. It is no secret: the cookie that proves it is another text.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A tab of a browser, for as long as its page is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Viewer {
    session: Session,
    tab: String,
}

impl Viewer {
    /// The tab `tab` of `session`.
    pub fn new(session: Session, tab: impl Into<String>) -> Self {
        Self {
            session,
            tab: tab.into(),
        }
    }

    /// Its browser.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the tab is known by.
    pub fn tab(&self) -> &str {
        &self.tab
    }
}

impl From<abi::Viewer> for Viewer {
    fn from(viewer: abi::Viewer) -> Self {
        Self::new(Session::new(viewer.session), viewer.tab)
    }
}

/// What a view is called with.
#[derive(Debug)]
#[non_exhaustive]
pub struct ViewCall<'a> {
    /// What it may know.
    pub cx: &'a ViewCx,
}

impl<'a> ViewCall<'a> {
    /// A call with this context.
    pub fn new(cx: &'a ViewCx) -> Self {
        Self { cx }
    }
}

/// The address of the page, and who looks.
#[derive(Clone, Debug)]
pub struct ViewCx {
    path: String,
    params: Vec<(String, String)>,
    query: Vec<(String, String)>,
    who: Who,
}

#[derive(Clone, Debug)]
enum Who {
    Everyone,
    Session(Session),
    Viewer(Viewer),
}

impl ViewCx {
    /// What a request to render says.
    pub fn new(request: RenderRequest) -> Self {
        Self {
            path: request.path,
            params: request.params,
            query: request.query,
            who: match request.audience {
                Audience::Everyone => Who::Everyone,
                Audience::Session(id) => Who::Session(Session::new(id)),
                Audience::Viewer(viewer) => Who::Viewer(viewer.into()),
            },
        }
    }

    /// A part of the path by its name: `room` of `/rooms/{room}`. Empty if the path has no such part.
    pub fn param(&self, name: &str) -> &str {
        find(&self.params, name).unwrap_or_default()
    }

    /// A value of the query; the first, if the name comes several times.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The path of the page.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whose browser it is, if the view is rendered for one browser or one tab.
    pub fn session(&self) -> Option<&Session> {
        match &self.who {
            Who::Everyone => None,
            Who::Session(session) => Some(session),
            Who::Viewer(viewer) => Some(viewer.session()),
        }
    }

    /// Whose tab it is, if the view is rendered for one tab.
    pub fn viewer(&self) -> Option<&Viewer> {
        match &self.who {
            Who::Viewer(viewer) => Some(viewer),
            _ => None,
        }
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(one, _)| one == name);
    found.map(|(_, value)| value.as_str())
}

impl From<Html> for Page {
    fn from(html: Html) -> Self {
        let status = html.status_code();
        Self {
            title: html.title_text().map(str::to_owned),
            status: (status != http::StatusCode::OK).then(|| status.as_u16()),
            html: html.as_str().to_owned(),
        }
    }
}

impl From<ViewError> for RenderError {
    fn from(error: ViewError) -> Self {
        Self {
            status: error.status().as_u16(),
            location: error.location().map(str::to_owned),
            internal: error.is_internal(),
            message: error.to_string(),
        }
    }
}
