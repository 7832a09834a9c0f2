//! Groups: the viewers that look at the same page, rendered once for all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use hyperstar_datastar::PatchElements;
use hyperstar_sse::{Body, Event, Sender};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::app::Shared;
use crate::cx::{Cx, Target};
use crate::html::{Html, ViewError, escape_into};
use crate::hub::{Counters, Hub, Wake, lock};
use crate::scope::{Outcome, Scope};
use crate::view::{View, Who};
use crate::{Reply, error_page, scope};

/// What a group's viewers have in common, and nobody else has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    route: usize,
    target: Target,
    who: Option<(String, Option<String>)>,
}

impl Key {
    pub(crate) fn new(route: usize, target: Target, who: &Who) -> Self {
        let who = match who {
            Who::Everyone => None,
            Who::Session(session) => Some((session.id().to_owned(), None)),
            Who::Viewer(viewer) => Some((
                viewer.session().id().to_owned(),
                Some(viewer.id().to_owned()),
            )),
        };
        Self { route, target, who }
    }
}

/// What a page looked like at one moment.
pub(crate) struct Frame {
    /// Names the content; the same content has the same name after a restart as well.
    pub(crate) hash: Arc<str>,
    pub(crate) html: Html,
}

/// The element that a view's content is put in.
pub(crate) const ROOT_ID: &str = "hs";
pub(crate) const TITLE_ID: &str = "hs-title";

impl Frame {
    fn new(html: Html, hub: &Hub) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(html.as_str().as_bytes());
        if let Some(title) = html.title_text() {
            hasher.update(b"\0title\0");
            hasher.update(title.as_bytes());
        }
        Counters::add(&hub.counters().hashes, 1);
        // 48 bits: a wrong match needs two contents of one page, by chance, at one reconnect.
        let hash: Arc<str> = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(&hasher.finalize()[..6])
            .into();
        Self { hash, html }
    }

    /// The events that bring a page to this content and tell it the name.
    fn patch(&self) -> Bytes {
        let html = self.html.as_str();
        let mut elements = String::with_capacity(html.len() + 64);
        main_into(&mut elements, &self.html);
        if let Some(title) = self.html.title_text() {
            title_into(&mut elements, title);
        }
        let mut patch = BytesMut::with_capacity(elements.len() + 96);
        PatchElements::new(elements).encode_into(&mut patch);
        // An event of its own, after the patch: an id is stored as its line arrives.
        Event::new().id(&self.hash).encode_into(&mut patch);
        patch.freeze()
    }
}

pub(crate) fn main_into(out: &mut String, html: &Html) {
    out.push_str("<main id=\"");
    out.push_str(ROOT_ID);
    out.push_str("\">");
    out.push_str(html.as_str());
    out.push_str("</main>");
}

pub(crate) fn title_into(out: &mut String, title: &str) {
    out.push_str("<title id=\"");
    out.push_str(TITLE_ID);
    out.push_str("\">");
    escape_into(out, title);
    out.push_str("</title>");
}

/// The groups of an app that have viewers.
#[derive(Default)]
pub(crate) struct Groups {
    live: Mutex<HashMap<Key, Arc<Group>>>,
}

/// Viewers of one page.
pub(crate) struct Group {
    id: u64,
    key: Key,
    view: View,
    cx: Cx,
    who: Who,
    /// Something that the page shows may have changed since the last render began.
    dirty: AtomicBool,
    wake: Notify,
    /// Brings frames to the members' streams.
    frames: hyperstar_sse::Group,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: HashMap<u64, Sender>,
    frame: Option<Arc<Frame>>,
    /// A render that may change the frame has begun and not been published.
    rendering: bool,
    /// Somebody came who shows something newer than the frame, and waits for the next.
    awaited: bool,
    closed: bool,
}

/// What a viewer has once it has joined.
pub(crate) struct Joined {
    pub(crate) group: Arc<Group>,
    pub(crate) member: u64,
    pub(crate) sender: Sender,
    pub(crate) response: Response<Body>,
}

impl Wake for Group {
    fn wake(&self) {
        self.dirty.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

impl Groups {
    /// The page as it is now, if it is being kept up to date for somebody anyhow.
    pub(crate) fn current(&self, key: &Key) -> Option<Arc<Frame>> {
        let group = lock(&self.live).get(key)?.clone();
        if group.dirty.load(Ordering::Acquire) {
            return None;
        }
        lock(&group.state).frame.clone()
    }

    /// Adds a stream to its group, made if it is the first. It is subscribed when this returns: a
    /// change from now on reaches it. If `shown` is not what the page is now, a frame is on its way.
    pub(crate) fn join(
        &self,
        key: Key,
        view: &View,
        cx: Cx,
        who: Who,
        headers: &HeaderMap,
        shown: Option<Arc<str>>,
    ) -> Joined {
        let mut live = lock(&self.live);
        let group = match live.get(&key) {
            Some(group) => group.clone(),
            None => {
                let group = Group::start(key.clone(), view.clone(), cx, who);
                live.insert(key, group.clone());
                group
            }
        };
        // Under the map's lock, so that the group cannot be closed in between.
        group.add(headers, shown)
    }

    /// Ends a group that nobody looks at any more.
    fn close_if_empty(&self, group: &Arc<Group>) {
        let mut live = lock(&self.live);
        let mut state = lock(&group.state);
        if !state.members.is_empty() || state.closed {
            return;
        }
        state.closed = true;
        drop(state);
        live.remove(&group.key);
        drop(live);
        group.wake.notify_one();
    }
}

impl Group {
    fn start(key: Key, view: View, cx: Cx, who: Who) -> Arc<Self> {
        let hub = cx.hub().clone();
        let frames = hyperstar_sse::Group::new(&cx.shared.encoders);
        let group = Arc::new(Self {
            id: hub.next_id(),
            key,
            view,
            cx,
            who,
            dirty: AtomicBool::new(true),
            wake: Notify::new(),
            frames,
            state: Mutex::default(),
        });
        // Subscribed before the first render, so that no change falls in between.
        let wake: Arc<dyn Wake> = group.clone();
        hub.listen(group.id, Arc::downgrade(&wake));
        group.wake.notify_one();
        Counters::add(&hub.counters().groups, 1);
        tracing::debug!(path = group.cx.path(), group = group.id, "a group starts");
        let tasks = group.cx.shared.tasks.clone();
        tasks.spawn(group.clone().run());
        group
    }

    fn add(self: &Arc<Self>, headers: &HeaderMap, shown: Option<Arc<str>>) -> Joined {
        let hub = self.cx.hub();
        let member = hub.next_id();
        let config = &self.cx.shared.stream;
        let mut state = lock(&self.state);
        let mut shown = shown;
        if let Some(frame) = state.frame.clone()
            && shown.as_ref() != Some(&frame.hash)
        {
            let is_due = state.rendering || self.dirty.load(Ordering::Acquire);
            if shown.is_some() && is_due {
                // A page that was just loaded may be ahead of the frame. It is not to step back: it
                // waits for the one that is on its way.
                state.awaited = true;
                shown = Some(frame.hash.clone());
            } else {
                Counters::add(&hub.counters().frames, 1);
            }
        }
        let (sender, response) = self.frames.respond(headers, config, shown);
        state.members.insert(member, sender.clone());
        drop(state);
        Joined {
            group: self.clone(),
            member,
            sender,
            response,
        }
    }

    pub(crate) fn leave(self: &Arc<Self>, member: u64) {
        // Dropped after the lock is released: the end of a stream wakes its connection.
        let (_member, is_empty) = {
            let mut state = lock(&self.state);
            (state.members.remove(&member), state.members.is_empty())
        };
        if is_empty {
            self.cx.shared.groups.close_if_empty(self);
        }
    }

    /// Renders whenever something changed, at most once per frame interval and not before the last frame
    /// has been offered to all, until nobody looks.
    async fn run(self: Arc<Self>) {
        let interval = Duration::from_millis(self.view.frame_ms);
        let mut last: Option<Instant> = None;
        loop {
            self.wake.notified().await;
            if lock(&self.state).closed {
                break;
            }
            if let Some(due) = last.map(|last| last + interval) {
                tokio::time::sleep_until(due).await;
            }
            // Where there are more viewers than an interval is enough for, it takes longer.
            self.frames.served().await;
            lock(&self.state).rendering = true;
            // Cleared before the render reads anything: a change from here on sets it again.
            if self.dirty.swap(false, Ordering::AcqRel) {
                last = Some(Instant::now());
                self.render().await;
            }
            lock(&self.state).rendering = false;
        }
        let hub = self.cx.hub();
        hub.forget(self.id);
        Counters::sub(&hub.counters().groups, 1);
        tracing::debug!(path = self.cx.path(), group = self.id, "a group ended");
    }

    async fn render(&self) {
        let hub = self.cx.hub();
        let seq = hub.seq();
        let (rendered, scope) = render(&self.view, self.cx.clone(), &self.who).await;
        // Without anything noted, or with too much, everything may concern the page.
        let topics = if scope.overflow {
            Default::default()
        } else {
            scope.topics
        };
        if hub.depend(self.id, topics, seq) {
            self.wake();
        }
        match rendered {
            Ok(html) => self.publish(html),
            Err(error) if error.location().is_some() => {
                let location = error.location().unwrap_or_default();
                if let Ok(bytes) = Reply::new().redirect(location).into_bytes() {
                    for sender in self.senders() {
                        // A full queue lets the viewer go; it finds the redirect by itself then.
                        let _ = sender.event(bytes.clone());
                    }
                }
            }
            Err(error) => {
                let dev = self.cx.shared.dev;
                if error.is_internal() {
                    tracing::error!(view = self.cx.path(), %error, "a view failed");
                    // The person keeps the page as it was; its developer sees what is wrong.
                    if !dev && lock(&self.state).frame.is_some() {
                        return;
                    }
                }
                self.publish(error_page::fragment(&error, dev));
            }
        }
    }

    fn publish(&self, html: Html) {
        let hub = self.cx.hub();
        let known = lock(&self.state).frame.clone();
        let frame = match known {
            // Compared whole, so that no two contents are ever taken for one.
            Some(frame) if frame.html == html => {
                Counters::add(&hub.counters().unchanged, 1);
                if !std::mem::take(&mut lock(&self.state).awaited) {
                    return;
                }
                // Somebody shows what was in between, and has waited for this.
                frame
            }
            _ => Arc::new(Frame::new(html, hub)),
        };
        let patch = frame.patch();
        let bytes = patch.len();
        // Without the lock: a stalled viewer is let go on the spot, and leaves.
        let seq = self.frames.publish_as(patch, frame.hash.clone());
        // After that: who joins in between is given this frame, and not the one before.
        let viewers = {
            let mut state = lock(&self.state);
            state.frame = Some(frame);
            state.awaited = false;
            state.members.len()
        };
        Counters::add(&hub.counters().frames, viewers as u64);
        tracing::trace!(group = self.id, seq, bytes, viewers, "a frame is published");
    }

    fn senders(&self) -> Vec<Sender> {
        lock(&self.state).members.values().cloned().collect()
    }
}

/// Renders a view once, noting what it reads. A panic is an error like another.
pub(crate) async fn render(view: &View, cx: Cx, who: &Who) -> (Result<Html, ViewError>, Scope) {
    let (hub, began) = (cx.hub().clone(), std::time::Instant::now());
    Counters::add(&hub.counters().renders, 1);
    let scope = Scope::at(cx.shared.base.clone());
    let title = view.title.clone();
    let (view, who) = (view.clone(), who.clone());
    // The call itself runs inside the scope too: a sync view does all its work there.
    let rendering = Box::pin(async move { view.render(cx, &who).await });
    let (outcome, scope) = scope::run(scope, rendering).await;
    hub.render_ns().record_time(began.elapsed());
    let rendered = match outcome {
        Outcome::Finished(rendered) => rendered,
        Outcome::Panicked(message) => Err(ViewPanicked(message).into()),
    };
    let rendered = rendered.map(|html| match title {
        Some(title) if html.title_text().is_none() => html.title(title),
        _ => html,
    });
    (rendered, scope)
}

#[derive(Debug, thiserror::Error)]
#[error("the view panicked: {0}")]
struct ViewPanicked(String);

/// The page as it is now, for a first load. What is shown while somebody watches is not rendered
/// again, and those who load it at once share a render.
pub(crate) async fn first(
    shared: &Arc<Shared>,
    key: &Key,
    view: &View,
    cx: Cx,
    who: &Who,
) -> Result<(Html, Arc<str>), Arc<ViewError>> {
    if let Some(frame) = shared.groups.current(key) {
        return Ok((frame.html.clone(), frame.hash.clone()));
    }
    // Who comes after a change is not given what was begun before it.
    let key = (key.clone(), cx.hub().seq());
    let made = shared.first_renders.join(&key, || async {
        let hub = cx.hub().clone();
        let html = render(view, cx, who).await.0.map_err(Arc::new)?;
        let frame = Frame::new(html, &hub);
        Ok((frame.html, frame.hash))
    });
    made.await
}
