//! Sessions: one browser's memory on the server.
//!
//! The cookie carries an id, the day it was issued and a MAC over both, so an id that this server
//! did not make is refused without asking the store, and nobody can plant one. The record itself is
//! written when the first value is set: a crawler leaves nothing behind.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use hyperstar_store::{Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::platform::{NoRandomness, Platform};

/// Below which path an app keeps its sessions, unless it says otherwise.
pub(crate) const ROOT: &str = "_hyperstar";
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The cookie is issued anew after this many days of use, so that it never ends while it is used.
const REISSUE_DAYS: u64 = 1;
/// The largest value of one key, as JSON.
pub const SESSION_VALUE_BYTES_MAX: usize = 64 * 1024;
/// The most keys of one session.
pub const SESSION_KEYS_MAX: usize = 64;

/// Why a session could not take a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The value is too large.
    #[error(
        "the session value `{key}` has {bytes} bytes; at most {SESSION_VALUE_BYTES_MAX} are kept: put it in the app's store under the session's id"
    )]
    TooLarge {
        /// The value's key.
        key: String,
        /// Its size as JSON.
        bytes: usize,
    },
    /// The session has too many keys.
    #[error("a session keeps at most {SESSION_KEYS_MAX} values; remove one before you set `{0}`")]
    TooManyKeys(String),
    /// The server keeps as many sessions as it may.
    #[error("{0} sessions are kept and no more are allowed; raise `Limits::sessions_max`")]
    TooManySessions(usize),
    /// The value is not JSON.
    #[error("the session value cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The store failed.
    #[error("the session store failed")]
    Store(#[from] StoreError),
}

/// One browser's values, shared by its tabs. Reading one in a render makes the page depend on it;
/// setting one renders that browser's pages again.
///
/// It lasts as long as the store that it is kept in: the process, or forever with
/// [`App::store`](crate::App::store); and ends after thirty days without use.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    sessions: Arc<Sessions>,
}

impl Session {
    /// Who it is. It may be stored and compared, but it is half of the cookie: do not show it.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// A value. A value that is of another type than `T` reads as `None`, with a warning in the log.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        match self.inner.sessions.store.get(&self.path(key)) {
            Ok(value) => value,
            Err(error) => {
                tracing::warn!(key, %error, "a session value cannot be read");
                None
            }
        }
    }

    /// Sets a value; it is kept when this returns.
    ///
    /// # Errors
    /// See [`SessionError`]; nothing has changed then.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), SessionError> {
        let sessions = &*self.inner.sessions;
        let bytes = serde_json::to_vec(value)?;
        if bytes.len() > SESSION_VALUE_BYTES_MAX {
            return Err(SessionError::TooLarge {
                key: key.to_owned(),
                bytes: bytes.len(),
            });
        }
        let path = self.path(key);
        let values = format!("{}/{}/v", sessions.root, self.inner.id);
        let seen = self.seen();
        let today = sessions.today();
        let (is_new, _) = sessions.store.transaction(|tx| {
            let is_new = tx.get::<u64>(&seen)?.is_none();
            if is_new && sessions.count.load(Ordering::Relaxed) >= sessions.count_max {
                return Err(SessionError::TooManySessions(sessions.count_max));
            }
            if tx.get_bytes(&path)?.is_none() && tx.list(&values)?.len() >= SESSION_KEYS_MAX {
                return Err(SessionError::TooManyKeys(key.to_owned()));
            }
            if tx.get::<u64>(&seen)? != Some(today) {
                tx.set(&seen, &today)?;
            }
            tx.set_bytes(&path, bytes)?;
            Ok(is_new)
        })?;
        if is_new {
            sessions.count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Removes a value; one that is not there is fine.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn remove(&self, key: &str) -> Result<(), SessionError> {
        self.inner.sessions.store.remove(&self.path(key))?;
        Ok(())
    }

    fn path(&self, key: &str) -> String {
        format!("{}/{}/v/{key}", self.inner.sessions.root, self.inner.id)
    }

    fn seen(&self) -> String {
        format!("{}/{}/seen", self.inner.sessions.root, self.inner.id)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

/// All sessions of one app.
pub(crate) struct Sessions {
    pub(crate) store: Store,
    /// The path that all of them are below.
    root: String,
    secret: [u8; 32],
    platform: Platform,
    cookie: String,
    count: AtomicUsize,
    count_max: usize,
    days_max: u64,
}

/// What a request's cookie says.
pub(crate) struct Known {
    pub(crate) session: Session,
    /// The `Set-Cookie` to answer with, if the browser should get a new one.
    pub(crate) set_cookie: Option<HeaderValue>,
}

/// Why there can be no sessions.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionsError {
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sessions {
    pub(crate) fn new(
        store: Store,
        platform: Platform,
        app: &str,
        root: &str,
        count_max: usize,
    ) -> Result<Arc<Self>, SessionsError> {
        let (root, secret_at) = (format!("{root}/sessions"), format!("{root}/secret"));
        let secret = match store
            .get_bytes(&secret_at)?
            .and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok())
        {
            Some(secret) => secret,
            None => {
                let secret = platform.random()?;
                store.set_bytes(&secret_at, secret.to_vec())?;
                secret
            }
        };
        let name: String = app
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let count = AtomicUsize::new(store.children(&root)?.len());
        let sessions = Self {
            store,
            root,
            secret,
            platform,
            cookie: format!("hs-{name}"),
            count,
            count_max,
            days_max: 30,
        };
        sessions.sweep();
        Ok(Arc::new(sessions))
    }

    /// The session that the request's cookie names, or a new one.
    pub(crate) fn of(
        self: &Arc<Self>,
        headers: &HeaderMap,
        https: bool,
    ) -> Result<Known, NoRandomness> {
        let today = self.today();
        if let Some((id, issued)) = self.named(headers, https, today) {
            let stale = today.saturating_sub(issued) >= REISSUE_DAYS;
            let set_cookie = stale.then(|| self.issue(id, https, today)).flatten();
            return Ok(Known {
                session: self.session(id),
                set_cookie,
            });
        }
        let id = self.platform.token()?;
        let set_cookie = self.issue(&id, https, today);
        Ok(Known {
            session: self.session(&id),
            set_cookie,
        })
    }

    /// The session that the request's cookie names, if it names one.
    pub(crate) fn known(self: &Arc<Self>, headers: &HeaderMap, https: bool) -> Option<Session> {
        let (id, _) = self.named(headers, https, self.today())?;
        Some(self.session(id))
    }

    /// The id in the request's cookie, and the day it was issued.
    fn named<'a>(&self, headers: &'a HeaderMap, https: bool, today: u64) -> Option<(&'a str, u64)> {
        let name = self.cookie_name(https);
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .find_map(|(_, value)| self.verify(value, today))
    }

    /// Forgets sessions that were not used for too long.
    pub(crate) fn sweep(&self) {
        let today = self.today();
        let ids = match self.store.children(&self.root) {
            Ok(ids) => ids,
            Err(error) => return tracing::error!(%error, "sessions cannot be listed"),
        };
        let mut kept = ids.len();
        for id in ids {
            let seen: Option<u64> = self
                .store
                .get(&format!("{}/{id}/seen", self.root))
                .unwrap_or_default();
            if seen.is_none_or(|seen| today.saturating_sub(seen) > self.days_max) {
                match self.store.remove_all(&format!("{}/{id}", self.root)) {
                    Ok(_) => kept -= 1,
                    Err(error) => tracing::error!(%error, "an old session cannot be removed"),
                }
            }
        }
        self.count.store(kept, Ordering::Relaxed);
    }

    fn session(self: &Arc<Self>, id: &str) -> Session {
        Session {
            inner: Arc::new(Inner {
                id: id.to_owned(),
                sessions: self.clone(),
            }),
        }
    }

    fn today(&self) -> u64 {
        self.platform.unix_ms() / DAY_MS
    }

    /// Cookies ignore ports, so each app has a name of its own; over TLS the browser itself promises
    /// by the prefix that no other host and no plain connection set it.
    fn cookie_name(&self, https: bool) -> String {
        if https {
            format!("__Host-{}", self.cookie)
        } else {
            self.cookie.clone()
        }
    }

    fn issue(&self, id: &str, https: bool, today: u64) -> Option<HeaderValue> {
        let name = self.cookie_name(https);
        let mac = self.mac(id, today);
        let age = self.days_max * DAY_MS / 1_000;
        let secure = if https { "; Secure" } else { "" };
        HeaderValue::from_str(&format!(
            "{name}={id}.{today}.{mac}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"
        ))
        .ok()
    }

    fn verify<'a>(&self, value: &'a str, today: u64) -> Option<(&'a str, u64)> {
        let mut parts = value.split('.');
        let (id, issued, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || id.len() != 22 {
            return None;
        }
        let issued: u64 = issued.parse().ok()?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.hmac(id, issued).verify_truncated_left(&mac).ok()?;
        // Truncated means shortened by us, never by whoever sends it.
        (mac.len() == 16 && issued <= today + 1 && today.saturating_sub(issued) <= self.days_max)
            .then_some((id, issued))
    }

    fn mac(&self, id: &str, issued: u64) -> String {
        URL_SAFE_NO_PAD.encode(&self.hmac(id, issued).finalize().into_bytes()[..16])
    }

    fn hmac(&self, id: &str, issued: u64) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(id.as_bytes());
        mac.update(&issued.to_be_bytes());
        mac
    }
}
