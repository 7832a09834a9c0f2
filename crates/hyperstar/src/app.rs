//! The app: its pages and its actions.

mod limits;
mod shared;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::MethodRouter;
use http::Method;
use hyperstar_sse::{Coding, Compression, Encoders, EncodersConfig, StreamConfig};
use hyperstar_store::{Store, StoreError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::action::action_path;
use crate::assets::Assets;
use crate::flight::Flights;
use crate::group::Groups;
use crate::html::{Html, ViewError};
use crate::platform::{NoRandomness, Platform};
use crate::reply::{ActionError, Answer, Reply};
use crate::session::{Session, Sessions, SessionsError};
use crate::shell::Shell;
use crate::view::View;
use crate::viewer::{Viewer, Viewers};
use crate::visitor::{Fallback, Visitor};
use crate::{ActionCx, Cx, Hub, router, session};

pub use self::limits::Limits;
pub(crate) use self::shared::Shared;

/// Why an app cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// A path is not a path.
    #[error("the path `{path}` cannot be served: {reason}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it, and the remedy.
        reason: String,
    },
    /// Two things were added under one name.
    #[error("there are two {what} `{name}`; give one of them another name")]
    Duplicate {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// An asset that the shell links is not there.
    #[error("there is no asset `{name}`; the app has {known}")]
    NoAsset {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Nothing unguessable can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The session store failed.
    #[error("the session store failed")]
    Store(#[from] StoreError),
}

type ActionFn = Arc<
    dyn Fn(ActionCx) -> std::pin::Pin<Box<dyn Future<Output = Result<Reply, ActionError>> + Send>>
        + Send
        + Sync,
>;

/// An action with its name, for the log.
#[derive(Clone)]
pub(crate) struct ActionDef {
    pub(crate) name: String,
    pub(crate) run: ActionFn,
}

/// What is served at one path.
#[derive(Default)]
pub(crate) struct Route {
    pub(crate) number: usize,
    pub(crate) view: Option<View>,
    pub(crate) actions: BTreeMap<String, ActionDef>,
    /// Who is admitted; without it, anyone.
    pub(crate) access: Option<Access>,
    /// It is the app's figures that are served here, and nothing else.
    pub(crate) is_metrics: bool,
}

type Wrap = Box<dyn FnOnce(Router) -> Router + Send>;

/// A live app: pages at paths, actions by name. Serve it with [`serve`](crate::serve), or mount it
/// into an axum router with [`App::into_router`].
///
/// Guarantees, without anything to configure: what a page shows is escaped, requests from other
/// sites change nothing, every page has a content security policy, an action runs at most once and
/// in order however the network behaves, and no client can hold up another or use memory without
/// bound.
///
/// ```
/// use hyperstar::{action, App, Done, Hub};
/// use maud::html;
///
/// let hub = Hub::new();
/// let count = hub.live(0);
/// let shown = count.clone();
/// let app = App::new(&hub)
///     .view("/", move |_cx| html! {
///         h1 { (shown.get()) }
///         button data-on:click=(action("inc")) { "+1" }
///     })
///     .action("inc", move |_cx| { count.update(|n| *n += 1); Done });
/// ```
#[must_use = "an app does nothing until it is served"]
pub struct App {
    hub: Hub,
    name: String,
    base: String,
    routes: BTreeMap<String, Route>,
    action_names: BTreeMap<String, String>,
    problems: Vec<AppError>,
    shell: Shell,
    assets: Assets,
    #[cfg(feature = "templates")]
    templates: crate::Templates,
    limits: Limits,
    compression: Compression,
    coding: Coding,
    platform: Platform,
    store: Option<(Store, String)>,
    dev: bool,
    version: String,
    origins: Vec<String>,
    csp: Vec<(String, String)>,
    behind_proxy: bool,
    merged: Vec<Router>,
    layers: Vec<Wrap>,
    fallback: Option<Fallback>,
}

impl App {
    /// An app without pages on `hub`. Several apps may share a hub.
    pub fn new(hub: &Hub) -> Self {
        Self {
            hub: hub.clone(),
            name: "app".to_owned(),
            base: String::new(),
            routes: BTreeMap::new(),
            action_names: BTreeMap::new(),
            problems: Vec::new(),
            shell: Shell::default(),
            assets: Assets::none(),
            #[cfg(feature = "templates")]
            templates: crate::Templates::default(),
            limits: Limits::default(),
            compression: Compression::default(),
            coding: Coding::default(),
            platform: Platform::default(),
            store: None,
            dev: cfg!(debug_assertions),
            version: String::new(),
            origins: Vec::new(),
            csp: Vec::new(),
            behind_proxy: false,
            merged: Vec::new(),
            layers: Vec::new(),
            fallback: None,
        }
    }

    /// What the app is called: in its cookie's name and in the log. Apps on one host need different
    /// names, since cookies ignore ports.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// The title of pages that do not say their own.
    pub fn title(mut self, title: &str) -> Self {
        self.shell.title = title.to_owned();
        self
    }

    /// The language of the pages (`en`).
    pub fn lang(mut self, lang: &str) -> Self {
        self.shell.lang = lang.to_owned();
        self
    }

    /// Adds markup to the `<head>` of every page. It cannot hold scripts: the content security policy
    /// admits those of [`App::script`] alone.
    pub fn head(mut self, markup: impl Into<Html>) -> Self {
        self.shell.head.push_str(markup.into().as_str());
        self
    }

    /// Links an asset as a stylesheet of every page.
    pub fn stylesheet(mut self, asset: &str) -> Self {
        self.shell.stylesheets.push(asset.to_owned());
        self
    }

    /// Loads an asset as a script of every page, before Datastar starts.
    pub fn script(mut self, asset: &str) -> Self {
        self.shell.scripts.push(asset.to_owned());
        self
    }

    /// Files for the pages: a page links them with [`Cx::asset`].
    pub fn assets(mut self, assets: Assets) -> Self {
        self.assets = self.assets.and(assets);
        self
    }

    /// Templates for the pages: a view renders them with [`Cx::template`].
    #[cfg(feature = "templates")]
    pub fn templates(mut self, templates: crate::Templates) -> Self {
        self.templates = templates;
        self
    }

    /// Keeps the sessions in `store` and [follows](Hub::follow) it: pages that read it render again
    /// when it changes. Sessions take the paths below `_hyperstar`.
    pub fn store(self, store: &Store) -> Self {
        self.hub.follow(store);
        self.sessions_in(store, session::ROOT)
    }

    /// Keeps the sessions in `store`, below `root`, with a secret of their own. Unlike [`App::store`] it
    /// does not follow the store: for several apps on one hub that does.
    pub fn sessions_in(mut self, store: &Store, root: &str) -> Self {
        self.store = Some((store.clone(), root.to_owned()));
        self
    }

    /// A page for everyone; see [`View::shared`].
    pub fn view<F, R, M>(self, path: &str, render: F) -> Self
    where
        F: Fn(Cx) -> R + Send + Sync + 'static,
        R: Answer<Result<Html, ViewError>, M>,
    {
        self.page(path, View::shared(render))
    }

    /// A page for each browser; see [`View::per_session`].
    pub fn session_view<F, R, M>(self, path: &str, render: F) -> Self
    where
        F: Fn(Cx, Session) -> R + Send + Sync + 'static,
        R: Answer<Result<Html, ViewError>, M>,
    {
        self.page(path, View::per_session(render))
    }

    /// A page for each tab; see [`View::per_viewer`].
    pub fn viewer_view<F, R, M>(self, path: &str, render: F) -> Self
    where
        F: Fn(Cx, Viewer) -> R + Send + Sync + 'static,
        R: Answer<Result<Html, ViewError>, M>,
    {
        self.page(path, View::per_viewer(render))
    }

    /// Puts a view at a path. `/rooms/{room}` has a parameter, `/files/{*rest}` takes all below.
    /// `GET` of the path gives the page, `POST` its live stream.
    pub fn page(mut self, path: &str, view: View) -> Self {
        let route = self.routes.entry(path.to_owned()).or_default();
        if route.view.replace(view).is_some() {
            self.problems.push(AppError::Duplicate {
                what: "pages at",
                name: path.to_owned(),
            });
        }
        self
    }

    /// Adds an action that pages call with [`action`](crate::action)`(name)`. It is served to POST,
    /// PUT, PATCH, DELETE and QUERY at a path made of the SHA-256 of its name.
    ///
    /// It runs detached from its connection: whoever asked may be gone, the action ends all the same.
    pub fn action<F, R, M>(mut self, name: &str, run: F) -> Self
    where
        F: Fn(ActionCx) -> R + Send + Sync + 'static,
        R: Answer<Result<Reply, ActionError>, M>,
    {
        if self
            .action_names
            .insert(name.to_owned(), action_path(name))
            .is_some()
        {
            self.problems.push(AppError::Duplicate {
                what: "actions called",
                name: name.to_owned(),
            });
            return self;
        }
        let run = ActionDef::new(name, run);
        for method in ["POST", "PUT", "PATCH", "DELETE", "QUERY"] {
            self.add_action(method, &action_path(name), run.clone());
        }
        self
    }

    /// Adds an action at a path of its own, for one method; call it with
    /// [`action_at`](crate::action_at) or from outside. POST of a path that has a page is that
    /// page's stream. Other sites can make a browser send GET, so an action for it must change nothing.
    pub fn action_at<F, R, M>(mut self, method: &Method, path: &str, run: F) -> Self
    where
        F: Fn(ActionCx) -> R + Send + Sync + 'static,
        R: Answer<Result<Reply, ActionError>, M>,
    {
        let run = ActionDef::new(&format!("{method} {path}"), run);
        self.add_action(method.as_str(), path, run);
        self
    }

    fn add_action(&mut self, method: &str, path: &str, action: ActionDef) {
        let name = action.name.clone();
        let route = self.routes.entry(path.to_owned()).or_default();
        if route.actions.insert(method.to_owned(), action).is_some() {
            self.problems.push(AppError::Duplicate {
                what: "actions at",
                name,
            });
        }
    }

    /// Serves the app's figures to Prometheus at `path`, with GET: those of [`Hub::stats`], how long
    /// views and encoders took, and what the process takes of the machine. They are those of the
    /// whole hub, so one app on it is enough.
    ///
    /// Nothing is told unless this is called, and then to those whom `access` admits.
    ///
    /// ```
    /// # use hyperstar::{Access, App, Hub};
    /// let app = App::new(&Hub::new()).metrics("/metrics", Access::Loopback);
    /// ```
    pub fn metrics(mut self, path: &str, access: Access) -> Self {
        let route = self.routes.entry(path.to_owned()).or_default();
        route.access = Some(access);
        route.is_metrics = true;
        self
    }

    /// Adds a live page at `path` that shows the same figures as [`App::metrics`], with the last
    /// minute of each, to those whom `access` admits.
    ///
    /// It renders once a second while somebody watches, and renders nothing else again. It has
    /// nothing of the app's looks. It counts in what it shows.
    pub fn monitor(self, path: &str, access: Access) -> Self {
        let monitor = crate::monitor::Monitor::start(&self.hub);
        let mut app = self.page(path, monitor.view());
        app.routes.entry(path.to_owned()).or_default().access = Some(access);
        app
    }

    /// Adds a route of axum's. The app's protection against other sites, its security headers and
    /// its body limit hold there too.
    pub fn route(self, path: &str, route: MethodRouter) -> Self {
        self.merge(Router::new().route(path, route))
    }

    /// Adds the routes of an axum router, as [`App::route`] does.
    pub fn merge(mut self, router: Router) -> Self {
        self.merged.push(router);
        self
    }

    /// Answers whatever no page, action or route of this app takes, also other methods at their paths.
    /// The app's protection against other sites and its security headers hold there too; its limits on
    /// bodies do not: `answer` reads the body itself.
    ///
    /// ```
    /// use axum::extract::Request;
    /// use axum::response::IntoResponse;
    /// use hyperstar::{App, Hub, Visitor};
    ///
    /// let app = App::new(&Hub::new()).fallback(|who: Visitor, request: Request| async move {
    ///     let known = who.session().is_some();
    ///     format!("{} is not a page; known: {known}", request.uri()).into_response()
    /// });
    /// ```
    pub fn fallback<F, R>(mut self, answer: F) -> Self
    where
        F: Fn(Visitor, Request) -> R + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        self.fallback = Some(Arc::new(move |visitor, request| {
            Box::pin(answer(visitor, request))
        }));
        self
    }

    /// Wraps the whole app, say in a tower layer: `app.wrap(|router| router.layer(..))`.
    pub fn wrap(mut self, wrap: impl FnOnce(Router) -> Router + Send + 'static) -> Self {
        self.layers.push(Box::new(wrap));
        self
    }

    /// Serves everything of this app below a path, so that several apps can be merged into one
    /// router. `/` (the default) is the root.
    pub fn at(mut self, base: &str) -> Self {
        self.base = base.trim_end_matches('/').to_owned();
        self
    }

    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Which compression streams may have, the preferred first; [`Compression::off`] for none. The
    /// levels in it are those of answers to actions: for pages see [`App::coding`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How the frames of pages are compressed: once for all who look at a page.
    pub fn coding(mut self, coding: Coding) -> Self {
        self.coding = coding;
        self
    }

    /// Where time and randomness come from.
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }

    /// Whether errors are shown with all they say and files are read anew when they change. It is on
    /// in debug builds.
    pub fn dev(mut self, dev: bool) -> Self {
        self.dev = dev;
        self
    }

    /// The version of the app. A page that was loaded from another version reloads itself once,
    /// keeping what was typed. The shell, stylesheets and scripts count by themselves: this is for
    /// changes that they do not show.
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Another origin (`https://example.com`) whose pages may call actions.
    pub fn trust_origin(mut self, origin: &str) -> Self {
        self.origins.push(origin.trim_end_matches('/').to_owned());
        self
    }

    /// Adds a source to the pages' content security policy: `app.allow("img-src",
    /// "https://images.example")`.
    pub fn allow(mut self, directive: &str, source: &str) -> Self {
        self.csp.push((directive.to_owned(), source.to_owned()));
        self
    }

    /// Believes `X-Forwarded-Proto`, and of `X-Forwarded-For` the last entry: the app is reached only
    /// through a proxy that sets the one and adds the client's address to the other. Without this both
    /// are ignored, since anybody can send them.
    pub fn behind_proxy(mut self, behind_proxy: bool) -> Self {
        self.behind_proxy = behind_proxy;
        self
    }

    /// The app as an axum router, without a fallback, to be merged into another. Timers and the
    /// sweeping of what is old start with the first request.
    ///
    /// # Errors
    /// [`AppError`] if a path, a name or an asset is wrong, or there is no randomness.
    pub fn into_router(self) -> Result<Router, AppError> {
        Ok(self.build(false)?.0)
    }

    /// `is_whole`: nothing else is served beside it, so what is not found is ours to say.
    pub(crate) fn build(mut self, is_whole: bool) -> Result<(Router, Arc<Shared>), AppError> {
        if let Some(problem) = self.problems.into_iter().next() {
            return Err(problem);
        }
        let base: Arc<str> = self.base.into();
        let assets = self.assets.and(crate::assets::own()).table()?;
        for name in self.shell.stylesheets.iter().chain(&self.shell.scripts) {
            if !assets.contains_key(name.as_str()) {
                let mut known: Vec<&str> = assets.keys().map(|key| &**key).collect();
                known.sort_unstable();
                return Err(AppError::NoAsset {
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
        }
        let (store, root) = self.store.unwrap_or_else(|| {
            let memory = Store::memory();
            self.hub.follow(&memory);
            (memory, session::ROOT.to_owned())
        });
        let sessions = Sessions::new(
            store,
            self.platform.clone(),
            &self.name,
            &root,
            self.limits.sessions_max,
        )
        .map_err(|error| match error {
            SessionsError::NoRandomness(error) => AppError::NoRandomness(error),
            SessionsError::Store(error) => AppError::Store(error),
        })?;
        let stream = StreamConfig {
            keep_alive_ms: Some(self.limits.keep_alive_ms),
            queue_events_max: self.limits.queue_events_max,
            queue_bytes_max: self.limits.queue_bytes_max,
            stall_ms: self.limits.stall_ms,
            compression: self.compression,
        };
        let encoders = Encoders::new(&EncodersConfig {
            coding: self.coding,
            kept_bytes_max: self.limits.frames_bytes_max,
            meter: self.hub.meter().clone(),
        });
        for (number, (path, route)) in self.routes.iter_mut().enumerate() {
            route.number = number;
            if route.is_metrics && (route.view.is_some() || !route.actions.is_empty()) {
                return Err(AppError::Duplicate {
                    what: "things at",
                    name: path.clone(),
                });
            }
        }
        let shared = Arc::new(Shared {
            name: self.name,
            base,
            hub: self.hub,
            dev: self.dev,
            platform: self.platform,
            sessions,
            viewers: Arc::new(Viewers::new(&self.limits)),
            bodies: Arc::new(Semaphore::new(
                self.limits.bodies_bytes_max.min(Semaphore::MAX_PERMITS),
            )),
            limits: self.limits,
            groups: Groups::default(),
            first_renders: Flights::default(),
            version: self.version,
            shell: self.shell,
            assets: std::sync::RwLock::new(assets),
            #[cfg(feature = "templates")]
            templates: self.templates,
            stream,
            encoders,
            origins: self.origins,
            csp: self.csp,
            behind_proxy: self.behind_proxy,
            fallback: self.fallback,
            tasks: TaskTracker::new(),
            actions: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            started: AtomicBool::new(false),
            build: std::sync::RwLock::default(),
        });
        let mut router = router::build(&shared, self.routes)?;
        for merged in self.merged {
            router = router.merge(merged);
        }
        if shared.fallback.is_some() {
            let shared = shared.clone();
            router = router.fallback(move |request: Request| router::elsewhere(shared, request));
        } else if is_whole {
            router = router.fallback(router::not_found);
        }
        router = router::guarded(router, &shared);
        for wrap in self.layers {
            router = wrap(router);
        }
        Ok((router, shared))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field(
                "pages",
                &self
                    .routes
                    .iter()
                    .filter(|(_, r)| r.view.is_some())
                    .map(|(p, _)| p)
                    .collect::<Vec<_>>(),
            )
            .field("actions", &self.action_names.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl ActionDef {
    fn new<F, R, M>(name: &str, run: F) -> Self
    where
        F: Fn(ActionCx) -> R + Send + Sync + 'static,
        R: Answer<Result<Reply, ActionError>, M>,
    {
        let run = Arc::new(run);
        Self {
            name: name.to_owned(),
            // Called inside the future, so that a sync handler too runs on the detached task and in
            // its scope.
            run: Arc::new(move |cx| {
                let run = run.clone();
                Box::pin(async move { run(cx).answer().await })
            }),
        }
    }
}
