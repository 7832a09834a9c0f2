//! Rooms to talk in, kept on disk.
//!
//! Messages, opened rooms and names are in the store, so a restart loses none of them; who is here is
//! in memory, since it is over with the process anyway. A half-typed message is the browser's: it
//! survives new messages, a lost connection and a restart, and leaves the field only when the server
//! has taken it.

mod pace;
mod page;
pub mod person;
mod presence;
pub mod room;

use std::sync::{Arc, Mutex, PoisonError};

use hyperstar::{
    ActionCx, ActionError, App, Assets, Cx, Html, Hub, Live, Reply, Session, View, ViewError,
    Viewer,
};
use hyperstar_store::Store;
use look::{Siblings, clock};
use serde_json::json;

use crate::pace::Pace;
use crate::person::{Person, clean_name};
use crate::presence::Presence;
use crate::room::{LOBBY, Message};

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct Files;

/// The app on this store, running alone.
pub fn app(store: &Store) -> App {
    app_beside(store, Siblings::none())
}

/// The app on this store, with links to the examples that run beside it.
pub fn app_beside(store: &Store, siblings: Siblings) -> App {
    let hub = Hub::new();
    let chat = Chat {
        store: store.clone(),
        presence: hub.live(Presence::default()),
        pace: Arc::default(),
    };

    let page = View::per_session({
        let chat = chat.clone();
        move |cx: Cx, session: Session| chat.render(&cx, &session, &siblings)
    })
    .on_join(|viewer: Viewer| {
        // A hook is not told which page it is for, so the tab is asked.
        viewer.send(Reply::new().signals(&json!({ "joined": clock::now_ms() })));
    })
    .on_leave({
        let chat = chat.clone();
        move |viewer: Viewer| {
            let me = person_of(viewer.session());
            chat.presence
                .update_if(|presence| presence.leave(&me.key, viewer.id()));
        }
    });

    let with_chat = |run: fn(&Chat, &ActionCx) -> Result<Reply, ActionError>| {
        let chat = chat.clone();
        move |cx: ActionCx| run(&chat, &cx)
    };
    App::new(&hub)
        .name("chat")
        .title("Chat")
        .store(store)
        .head(look::head("#1769b5"))
        .assets(Assets::embed::<look::Files>())
        .assets(Assets::embed::<Files>())
        .stylesheet("base.css")
        .stylesheet("style.css")
        .page("/", page.clone())
        .page("/room/{room}", page)
        .action("chat/enter", with_chat(Chat::enter))
        .action("chat/say", with_chat(Chat::say))
        .action("chat/rename", with_chat(Chat::rename))
        .action("chat/open", with_chat(Chat::open))
}

#[derive(Clone)]
struct Chat {
    store: Store,
    presence: Live<Presence>,
    pace: Arc<Mutex<Pace>>,
}

impl Chat {
    fn render(&self, cx: &Cx, session: &Session, siblings: &Siblings) -> Result<Html, ViewError> {
        let room = match cx.param("room") {
            "" => LOBBY,
            room => room,
        };
        if !room::exists(&self.store, room)? {
            return Err(ViewError::not_found(
                "There is no such room. The lobby is at /.",
            ));
        }
        let me = person_of(session);
        let mut presence = self.presence.get();
        // Whoever reads this is here, also before the page's stream says so.
        presence.enter(&me, "", room);
        let rooms: Vec<(String, usize)> = room::rooms(&self.store)?
            .into_iter()
            .map(|room| {
                let count = presence.people(&room).len();
                (room, count)
            })
            .collect();
        let scene = page::Scene {
            me: &me,
            room,
            rooms: &rooms,
            people: &presence.people(room),
            messages: &room::messages(&self.store, room)?,
        };
        Ok(Html::from(page::page(&scene, siblings)).title(format!("{room} \u{b7} Chat")))
    }

    /// Only a tab that has a stream is here: its end is what takes it away again.
    fn enter(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        if !cx.viewer().is_connected() {
            return Ok(Reply::new().unchanged());
        }
        let room = self.room(cx)?;
        let me = person_of(cx.session());
        self.presence
            .update_if(|presence| presence.enter(&me, cx.viewer().id(), &room));
        Ok(Reply::new())
    }

    /// What was typed leaves the field only with the answer that it was taken.
    fn say(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let room = self.room(cx)?;
        let typed: String = cx.signal("text")?;
        let problem =
            |text: String| Ok(Reply::new().signals(&json!({ "error": text })).unchanged());
        let text = match room::clean_text(&typed) {
            Ok(text) => text,
            Err(text) => return problem(text),
        };
        let (by, at_ms) = (person_of(cx.session()), clock::now_ms());
        let pace = self
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(&by.key, at_ms);
        if let Err(wait_ms) = pace {
            return problem(format!(
                "Not so fast: wait {} s, then send it again.",
                wait_ms.div_ceil(1_000)
            ));
        }
        room::say(&self.store, &room, &Message { by, text, at_ms })?;
        Ok(Reply::new().signals(&json!({ "said": typed, "error": "" })))
    }

    fn rename(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let typed: String = cx.signal("name")?;
        let name = clean_name(&typed).map_err(ActionError::bad_request)?;
        cx.session().set("name", &name)?;
        self.presence
            .update(|presence| presence.rename(&person_of(cx.session())));
        Ok(Reply::new().signals(&json!({ "name": name })))
    }

    fn open(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let typed: String = cx.signal("opened")?;
        let room = room::clean_room(&typed).map_err(ActionError::bad_request)?;
        room::open(&self.store, &room, clock::now_ms())?;
        Ok(Reply::new().redirect(&format!("/room/{room}")))
    }

    /// The room that an action is about.
    fn room(&self, cx: &ActionCx) -> Result<String, ActionError> {
        let room = cx.arg("room").unwrap_or(LOBBY);
        if room::exists(&self.store, room)? {
            Ok(room.to_owned())
        } else {
            Err(ActionError::not_found("This room is not there any more."))
        }
    }
}

fn person_of(session: &Session) -> Person {
    Person::new(session.id(), session.get("name"))
}
