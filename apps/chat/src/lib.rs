//! Rooms to talk in, kept on disk.
//!
//! Messages, opened rooms and names are kept, so a crash loses none of them; who is here is known anew by
//! then, since the pages are told of again. A half-typed message is the browser's: it survives new messages,
//! a lost connection and a restart, and leaves the field only when it was taken.

#[cfg(feature = "app")]
mod names;
#[cfg(feature = "app")]
mod pace;
#[cfg(feature = "app")]
mod page;
#[cfg(feature = "app")]
mod person;
#[cfg(feature = "app")]
mod presence;
#[cfg(feature = "app")]
mod room;

use hyperstar_process::hyperapp;
#[cfg(feature = "app")]
use {
    crate::names::Name,
    crate::pace::Pace,
    crate::person::clean_name,
    crate::presence::Presence,
    crate::room::{LOBBY, Message, MessageId},
    hyperstar_process::{
        ActionError, Cx, Html, Map, Reply, Session, State, StateError, ViewError, Viewer,
    },
    serde_json::json,
};

/// Rooms, what was said in them, and who is there.
#[cfg(feature = "app")]
#[derive(Debug, Default, State)]
pub struct Chat {
    /// The rooms that people opened, and when.
    opened: Map<String, u64>,
    messages: Map<MessageId, Message>,
    /// What people want to be called, by their keys.
    names: Map<String, Name>,
    #[state(skip)]
    presence: Presence,
    #[state(skip)]
    pace: Pace,
}

#[hyperapp(name = "Chat", icon = "💬", ui = ["../look/assets", "assets"], features)]
impl Chat {
    #[view("/")]
    fn lobby(&self, who: &Session) -> Result<Html, ViewError> {
        self.shown(LOBBY, who)
    }

    #[view("/room/{room}")]
    fn room(&self, room: &str, who: &Session) -> Result<Html, ViewError> {
        self.shown(room, who)
    }

    /// A tab is there; it is asked which room it shows.
    #[join]
    fn join(&mut self, cx: &Cx, who: &Viewer) -> Result<Reply, StateError> {
        let me = self.person(who.session())?;
        self.presence.join(&me, who.tab());
        Ok(Reply::new().signals(&json!({ "joined": cx.now_ms() })))
    }

    #[leave]
    fn leave(&mut self, who: &Viewer) -> Result<(), StateError> {
        let me = self.person(who.session())?;
        self.presence.leave(&me.key, who.tab());
        Ok(())
    }

    #[action]
    fn enter(&mut self, who: &Viewer, room: &str) -> Result<Reply, ActionError> {
        self.check_room(room)?;
        let me = self.person(who.session())?;
        let is_news = self.presence.enter(&me, who.tab(), room);
        Ok(if is_news {
            Reply::new()
        } else {
            Reply::new().unchanged()
        })
    }

    /// What was typed leaves the field only with the answer that it was taken.
    #[action]
    fn say(
        &mut self,
        cx: &Cx,
        who: &Session,
        room: &str,
        text: String,
    ) -> Result<Reply, ActionError> {
        self.check_room(room)?;
        let problem =
            |text: String| Ok(Reply::new().signals(&json!({ "error": text })).unchanged());
        let (by, at_ms) = (self.person(who)?, cx.now_ms());
        let message = match room::clean_text(&text) {
            Ok(text) => Message { by, text, at_ms },
            Err(text) => return problem(text),
        };
        if let Err(wait_ms) = self.pace.take(&message.by.key, at_ms) {
            let wait_s = wait_ms.div_ceil(1_000);
            return problem(format!("Not so fast: wait {wait_s} s, then send it again."));
        }
        self.keep(room, &message)?;
        Ok(Reply::new().signals(&json!({ "said": text, "error": "" })))
    }

    #[action]
    fn rename(&mut self, cx: &Cx, who: &Session, name: &str) -> Result<Reply, ActionError> {
        let name = clean_name(name).map_err(ActionError::bad_request)?;
        self.call(who, &name, cx.now_ms())?;
        let me = self.person(who)?;
        self.presence.rename(&me);
        Ok(Reply::new().signals(&json!({ "name": name })))
    }

    #[action]
    fn open(&mut self, cx: &Cx, opened: &str) -> Result<Reply, ActionError> {
        let room = room::clean_room(opened).map_err(ActionError::bad_request)?;
        self.open_room(&room, cx.now_ms())?;
        Ok(Reply::new().redirect(&format!("/room/{room}")))
    }

    /// The page of a room, for one person.
    fn shown(&self, room: &str, who: &Session) -> Result<Html, ViewError> {
        if !self.has_room(room)? {
            return Err(ViewError::not_found(
                "There is no such room. The lobby is at /.",
            ));
        }
        let me = self.person(who)?;
        // Whoever reads this is here, also before the page's stream says so.
        let presence = self.presence.clone().with(&me, room);
        let rooms = self.rooms()?.into_iter().map(|room| {
            let count = presence.people(&room).len();
            (room, count)
        });
        let scene = page::Scene {
            me: &me,
            room,
            rooms: &rooms.collect::<Vec<_>>(),
            people: &presence.people(room),
            messages: &self.messages(room)?,
        };
        Ok(Html::from(page::page(&scene)).title(format!("{room} \u{b7} Chat")))
    }

    fn check_room(&self, room: &str) -> Result<(), ActionError> {
        match self.has_room(room)? {
            true => Ok(()),
            false => Err(ActionError::not_found("This room is not there any more.")),
        }
    }
}

#[cfg(test)]
mod tests;
