//! Several apps at one address, told apart by the host that a request names.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::Router;
use axum::extract::Request;
use http::header::HOST;

use crate::app::{App, AppError, Shared};
use crate::away;

/// Apps by host name, which come and go while they are served; see
/// [`Server::serve_hosts`](crate::Server::serve_hosts). Each host is an origin of its own: a browser keeps
/// their cookies, storage and scripts apart.
///
/// Guarantee: a request is answered by the app of its host or, if there is none, by the main one; an app that
/// was replaced or removed ends its streams, and its pages connect again to what is there then.
///
/// ```
/// use hyperstar::{App, Hosts, Hub};
///
/// let hub = Hub::new();
/// let hosts = Hosts::new(App::new(&hub).view("/", |_cx| "home"))?;
/// hosts.set("chat.localhost", App::new(&hub).name("chat").view("/", |_cx| "chat"))?;
/// assert!(hosts.remove("chat.localhost"));
/// # Ok::<(), hyperstar::AppError>(())
/// ```
#[derive(Clone)]
pub struct Hosts {
    inner: Arc<Inner>,
}

struct Inner {
    main: Arc<Site>,
    /// By host name in lower case, without port. `None` once nothing is served any longer.
    named: RwLock<Option<HashMap<Box<str>, Arc<Site>>>>,
}

/// An app as it is served.
pub(super) struct Site {
    pub(super) router: Router,
    pub(super) shared: Arc<Shared>,
}

impl Hosts {
    /// Only the app for all hosts that have none.
    ///
    /// # Errors
    /// [`AppError`] if it cannot be served.
    pub fn new(main: App) -> Result<Self, AppError> {
        Ok(Self {
            inner: Arc::new(Inner {
                main: Arc::new(Site::new(main)?),
                named: RwLock::new(Some(HashMap::new())),
            }),
        })
    }

    /// Serves `app` at `host` (a name without port) from now on, in place of the one before.
    ///
    /// # Errors
    /// [`AppError`] if it cannot be served; the one before stays.
    pub fn set(&self, host: &str, app: App) -> Result<(), AppError> {
        let site = Arc::new(Site::new(app)?);
        let before = match &mut *self.write() {
            Some(named) => named.insert(host.to_ascii_lowercase().into(), site),
            None => Some(site),
        };
        if let Some(before) = before {
            before.close();
        }
        Ok(())
    }

    /// Serves nothing of its own at `host` any longer. Says whether there was something.
    pub fn remove(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let removed = match &mut *self.write() {
            Some(named) => named.remove(host.as_str()),
            None => None,
        };
        removed.map(|site| site.close()).is_some()
    }

    /// The app that a request is for.
    pub(super) fn of(&self, request: &Request) -> Arc<Site> {
        let named = self.read();
        named
            .as_ref()
            .filter(|named| !named.is_empty())
            .and_then(|named| {
                let host = host_of(request)?;
                match named.get(host) {
                    Some(site) => Some(site),
                    None => named.get(host.to_ascii_lowercase().as_str()),
                }
            })
            .unwrap_or(&self.inner.main)
            .clone()
    }

    /// Starts what the main app and those at its side do by themselves; what comes later starts with its first
    /// request.
    pub(super) fn start(&self) {
        self.inner.main.shared.start();
        let named = self.read();
        for site in named.iter().flat_map(HashMap::values) {
            site.shared.start();
        }
    }

    /// Takes no more apps, and tells all that there were.
    pub(super) fn close(&self) -> Vec<Arc<Site>> {
        let named = self.write().take().unwrap_or_default();
        let mut sites: Vec<_> = named.into_values().collect();
        sites.push(self.inner.main.clone());
        sites
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<HashMap<Box<str>, Arc<Site>>>> {
        self.inner
            .named
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<HashMap<Box<str>, Arc<Site>>>> {
        self.inner
            .named
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.read();
        let names: Vec<&str> = named
            .iter()
            .flat_map(|named| named.keys().map(|key| &**key))
            .collect();
        f.debug_struct("Hosts")
            .field("named", &names)
            .finish_non_exhaustive()
    }
}

impl Site {
    fn new(app: App) -> Result<Self, AppError> {
        let (router, shared) = app.build(true)?;
        Ok(Self { router, shared })
    }

    /// Its pages are told to connect again; what runs goes on to its end.
    pub(super) fn close(&self) {
        self.shared.shutdown.cancel();
        away::send(&self.shared.viewers);
        self.shared.actions.close();
    }
}

/// The host that a request names, without port.
fn host_of(request: &Request) -> Option<&str> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(HOST)?.to_str().ok()?,
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    Some(host.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_host() {
        let check = |host: &str, expected: &str| {
            let request = Request::builder()
                .header(HOST, host)
                .body(axum::body::Body::empty())
                .expect("a request");
            assert_eq!(host_of(&request), Some(expected), "{host}");
        };
        check("a.localhost", "a.localhost");
        check("a.localhost:8080", "a.localhost");
        check("a.localhost.:8080", "a.localhost");
        check("[::1]:8080", "[::1]");
        check("[::1]", "[::1]");
    }
}
