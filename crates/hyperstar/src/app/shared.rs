//! What the handlers of an app share, and what runs beside them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hyperstar_sse::{Encoders, StreamConfig};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use crate::Hub;
use crate::assets::Asset;
use crate::flight::Flights;
use crate::group::{Groups, Key};
use crate::html::{Html, ViewError};
use crate::platform::Platform;
use crate::session::Sessions;
use crate::shell::Shell;
use crate::viewer::Viewers;
use crate::visitor::Fallback;

/// A page with its hash, for those who load it together.
type FirstRender = Result<(Html, Arc<str>), Arc<ViewError>>;

/// What all handlers of an app share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) base: Arc<str>,
    pub(crate) hub: Hub,
    pub(crate) dev: bool,
    pub(crate) limits: Limits,
    pub(crate) platform: Platform,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) viewers: Arc<Viewers>,
    /// One permit a byte of body.
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) groups: Groups,
    pub(crate) first_renders: Flights<(Key, u64), FirstRender>,
    pub(crate) version: String,
    pub(crate) shell: Shell,
    pub(crate) assets: std::sync::RwLock<HashMap<Box<str>, Arc<Asset>>>,
    #[cfg(feature = "templates")]
    pub(crate) templates: crate::Templates,
    pub(crate) stream: StreamConfig,
    pub(crate) encoders: Encoders,
    pub(crate) origins: Vec<String>,
    pub(crate) csp: Vec<(String, String)>,
    pub(crate) behind_proxy: bool,
    pub(crate) fallback: Option<Fallback>,
    /// Renders and timers; they end with the shutdown.
    pub(crate) tasks: TaskTracker,
    /// Actions; a shutdown waits for them.
    pub(crate) actions: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    pub(super) started: AtomicBool,
    /// What [`Shared::build`] has found out.
    pub(super) build: std::sync::RwLock<Option<Arc<str>>>,
}

/// How often what is old is looked for.
const SWEEP_MS: u64 = 30_000;
/// How often sessions are looked through.
const SESSION_SWEEP_MS: u64 = 60 * 60 * 1_000;
/// How often files are looked at in dev.
const DEV_POLL_MS: u64 = 300;

impl Shared {
    /// Starts what runs by itself, once.
    pub(crate) fn start(self: &Arc<Self>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        for mut job in self.hub.take_jobs() {
            self.timer(job.every, move |_| (job.run)());
        }
        self.timer(Duration::from_millis(SWEEP_MS), |shared| {
            shared.viewers.sweep()
        });
        self.timer(Duration::from_millis(SESSION_SWEEP_MS), |shared| {
            shared.sessions.sweep()
        });
        if self.dev {
            let mut build = self.build();
            self.timer(Duration::from_millis(DEV_POLL_MS), move |shared| {
                shared.reload_files(&mut build)
            });
        }
    }

    fn timer(self: &Arc<Self>, every: Duration, mut tick: impl FnMut(&Arc<Self>) + Send + 'static) {
        let shared = self.clone();
        self.tasks.spawn(async move {
            // A clock that shows no time in between would spin.
            let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                tokio::select! {
                    () = shared.shutdown.cancelled() => return,
                    _ = ticks.tick() => tick(&shared),
                }
            }
        });
    }

    /// In dev: notices changed files. What the pages link in their head changes the shell, so they are
    /// told to connect again, notice, and reload; anything else renders anew.
    fn reload_files(self: &Arc<Self>, build: &mut Arc<str>) {
        let mut changed = false;
        {
            let mut assets = self.assets.write().unwrap_or_else(PoisonError::into_inner);
            for asset in assets.values_mut() {
                if let Some(fresh) = asset.reread() {
                    *asset = Arc::new(fresh);
                    changed = true;
                }
            }
        }
        if changed {
            *self.build.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        #[cfg(feature = "templates")]
        let changed = self.templates.reload() || changed;
        let now = self.build();
        if *build != now {
            *build = now;
            tracing::info!(
                app = self.name,
                "linked files changed; the open pages reload"
            );
            self.viewers.close_all();
        } else if changed {
            tracing::info!(app = self.name, "files changed; the open pages render anew");
            self.hub.notify_all();
        }
    }

    pub(crate) fn asset(&self, name: &str) -> Option<Arc<Asset>> {
        self.assets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    pub(crate) fn asset_url(&self, name: &str) -> String {
        match self.asset(name) {
            Some(asset) => format!("{}/_hs/f/{}/{}", self.base, asset.hash, asset.url_name()),
            None => {
                tracing::warn!(
                    app = self.name,
                    name,
                    "a page links an asset that is not there"
                );
                format!("{}/_hs/f/missing/{name}", self.base)
            }
        }
    }

    /// Names the shell that pages were loaded with: what decides whether an open page is too old.
    pub(crate) fn build(&self) -> Arc<str> {
        if let Some(build) = &*self.build.read().unwrap_or_else(PoisonError::into_inner) {
            return build.clone();
        }
        // Under the lock: what was found out before files changed must not be kept after.
        let mut known = self.build.write().unwrap_or_else(PoisonError::into_inner);
        known
            .get_or_insert_with(|| self.name_build().into())
            .clone()
    }

    fn name_build(&self) -> String {
        use base64::Engine;
        use sha2::{Digest, Sha256};
        let mut hasher = Sha256::new();
        for part in [
            env!("CARGO_PKG_VERSION"),
            &self.version,
            &self.shell.lang,
            &self.shell.head,
        ] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        for name in self.shell.linked() {
            hasher.update(self.asset_url(name).as_bytes());
            hasher.update([0]);
        }
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&hasher.finalize()[..9])
    }
}
