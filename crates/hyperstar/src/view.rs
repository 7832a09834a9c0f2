//! Views: what a page shows, for whom, and how often it may change.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::Cx;
use crate::html::{Html, ViewError};
use crate::reply::Answer;
use crate::session::Session;
use crate::viewer::Viewer;

/// The shortest time between two frames of a page, unless the view says otherwise.
pub const FRAME_MS: u64 = 16;

type Rendering = Pin<Box<dyn Future<Output = Result<Html, ViewError>> + Send>>;
pub(crate) type Hook = Arc<dyn Fn(Viewer) + Send + Sync>;

/// Who looks at a page: what its render is shared by.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    Everyone,
    Session(Session),
    Viewer(Viewer),
}

#[derive(Clone)]
enum Render {
    Shared(Arc<dyn Fn(Cx) -> Rendering + Send + Sync>),
    PerSession(Arc<dyn Fn(Cx, Session) -> Rendering + Send + Sync>),
    PerViewer(Arc<dyn Fn(Cx, Viewer) -> Rendering + Send + Sync>),
}

/// A page of an app, with its options; [`App::page`](crate::App::page) puts it at a path.
///
/// Guarantee: a render is shared by everyone that it is right for and by nobody else. What a view is
/// given decides: a shared one cannot see who looks.
///
/// ```
/// use hyperstar::{Cx, Session, View};
/// use maud::html;
///
/// let clock = View::shared(|_cx: Cx| html! { p { "tick" } }).title("Clock").frame_ms(100);
/// let mine = View::per_session(|_cx: Cx, who: Session| {
///     html! { p { "Hello " (who.get::<String>("name").unwrap_or_default()) } }
/// });
/// ```
#[derive(Clone)]
pub struct View {
    render: Render,
    pub(crate) title: Option<Arc<str>>,
    pub(crate) frame_ms: u64,
    pub(crate) on_join: Option<Hook>,
    pub(crate) on_leave: Option<Hook>,
    /// The only stylesheet of a page of our own, which has nothing of the app's head.
    pub(crate) alone: Option<&'static str>,
}

impl View {
    /// The same page for everyone: rendered once for all who look at the same address.
    pub fn shared<F, R, M>(render: F) -> Self
    where
        F: Fn(Cx) -> R + Send + Sync + 'static,
        R: Answer<Result<Html, ViewError>, M>,
    {
        Self::with(Render::Shared(Arc::new(move |cx| {
            Box::pin(render(cx).answer())
        })))
    }

    /// A page per browser: rendered once for all its tabs.
    pub fn per_session<F, R, M>(render: F) -> Self
    where
        F: Fn(Cx, Session) -> R + Send + Sync + 'static,
        R: Answer<Result<Html, ViewError>, M>,
    {
        Self::with(Render::PerSession(Arc::new(move |cx, who| {
            Box::pin(render(cx, who).answer())
        })))
    }

    /// A page per tab.
    pub fn per_viewer<F, R, M>(render: F) -> Self
    where
        F: Fn(Cx, Viewer) -> R + Send + Sync + 'static,
        R: Answer<Result<Html, ViewError>, M>,
    {
        Self::with(Render::PerViewer(Arc::new(move |cx, who| {
            Box::pin(render(cx, who).answer())
        })))
    }

    fn with(render: Render) -> Self {
        Self {
            render,
            title: None,
            frame_ms: FRAME_MS,
            on_join: None,
            on_leave: None,
            alone: None,
        }
    }

    /// The document's title, unless the render itself says one with [`Html::title`].
    #[must_use]
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The shortest time between two frames, in milliseconds ([`FRAME_MS`] by default). The first
    /// change after a quiet time is shown at once; of those that follow within the interval the last
    /// is.
    #[must_use]
    pub fn frame_ms(mut self, frame_ms: u64) -> Self {
        self.frame_ms = frame_ms;
        self
    }

    /// Called when a tab opens this page: not when it merely reconnects, or goes on to another address of
    /// the same page.
    #[must_use]
    pub fn on_join(mut self, hook: impl Fn(Viewer) + Send + Sync + 'static) -> Self {
        self.on_join = Some(Arc::new(hook));
        self
    }

    /// Called when a tab has been away for [`Limits::leave_ms`](crate::Limits::leave_ms). A hidden
    /// tab lets go of its stream, so it leaves, and joins when it is looked at again. One that goes on to
    /// another page leaves at once.
    #[must_use]
    pub fn on_leave(mut self, hook: impl Fn(Viewer) + Send + Sync + 'static) -> Self {
        self.on_leave = Some(Arc::new(hook));
        self
    }

    pub(crate) fn alone(mut self, stylesheet: &'static str) -> Self {
        self.alone = Some(stylesheet);
        self
    }

    /// The part of a viewer that this view may depend on.
    pub(crate) fn audience(&self, viewer: &Viewer) -> Who {
        match self.render {
            Render::Shared(_) => Who::Everyone,
            Render::PerSession(_) => Who::Session(viewer.session().clone()),
            Render::PerViewer(_) => Who::Viewer(viewer.clone()),
        }
    }

    pub(crate) fn render(&self, cx: Cx, who: &Who) -> Rendering {
        match (&self.render, who) {
            (Render::Shared(render), _) => render(cx),
            (Render::PerSession(render), Who::Session(session)) => render(cx, session.clone()),
            (Render::PerSession(render), Who::Viewer(viewer)) => {
                render(cx, viewer.session().clone())
            }
            (Render::PerViewer(render), Who::Viewer(viewer)) => render(cx, viewer.clone()),
            (Render::PerSession(_) | Render::PerViewer(_), _) => {
                unreachable!("`audience` names the part that the view is given")
            }
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audience = match self.render {
            Render::Shared(_) => "shared",
            Render::PerSession(_) => "per session",
            Render::PerViewer(_) => "per viewer",
        };
        f.debug_struct("View")
            .field("audience", &audience)
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}
