//! What version 1 stored is read by version 2, or nothing happens.

use std::rc::Rc;

use hyperstar_interface::{Interface, Save};
use hyperstar_process::test::{Host, Process};
use hyperstar_process::{
    Fields, Hyperapp, List, Map, Run, Saver, State, StateError, Stored, ViewFn, hyperapp,
};

use crate::app::{Driver, shown};

/// Version 1 had `name` and a list of `visits`, and people by name; version 2 had a title; version 3 counts.
#[derive(Default)]
struct Page {
    title: String,
    visits: usize,
    guests: Map<String, u32>,
}

impl State for Page {
    const VERSION: u32 = 3;

    fn load(fields: &mut Fields) -> Result<Self, StateError> {
        let default = Self::default();
        Ok(Self {
            title: Stored::load("title", fields, default.title)?,
            visits: Stored::load("visits", fields, default.visits)?,
            guests: Stored::load("guests", fields, default.guests)?,
        })
    }

    fn save(&self, saver: &mut Saver) {
        Stored::save(&self.title, "title", saver);
        Stored::save(&self.visits, "visits", saver);
        Stored::save(&self.guests, "guests", saver);
    }

    fn migrate(from: u32, fields: &mut Fields) -> Result<(), StateError> {
        if from < 2 {
            fields.rename("name", "title")?;
            fields.rename("people", "guests")?;
            fields.remove("old");
        }
        if from < 3 {
            let visits: Vec<String> = fields.get("visits")?.unwrap_or_default();
            fields.set("visits", &visits.len())?;
            let mut guests = fields.map::<String, u32>("guests");
            for (name, _) in guests.entries()? {
                guests.update(&name, |age| age.unwrap_or_default() + 1)?;
            }
            if fields.get::<String>("title")?.as_deref() == Some("bad") {
                return Err(StateError::other(
                    "a page called `bad` cannot be migrated; rename it first",
                ));
            }
        }
        Ok(())
    }
}

impl Hyperapp for Page {
    const HANDLERS: &'static [Run<Self>] = &[];
    const VIEWS: &'static [ViewFn<Self>] = &[];

    fn interface() -> Interface {
        let mut interface = Interface::new("Page");
        interface.save = Save::EveryNMessages(100);
        interface
    }
}

fn stored(name: &str) -> Rc<Host> {
    let host = Rc::new(Host::new());
    for (path, value) in [
        ("v", "1"),
        ("f/name", name),
        ("f/visits", "[\"ann\",\"bob\"]"),
        ("f/old", "{}"),
        ("c/people/ann", "30"),
        ("c/people/bob", "40"),
    ] {
        host.set(path, value);
    }
    host
}

#[test]
fn an_old_state_is_migrated_in_one_turn() {
    let page: Driver<Page> = Driver::on(stored("\"home\""), Save::EveryMessage).unwrap();
    // Whatever the policy says, and with the version.
    assert_eq!(
        shown(&page.started),
        [
            "f/name removed",
            "f/old removed",
            "f/visits <- 2",
            "f/title <- \"home\"",
            "c/guests/ann <- 31",
            "c/guests/bob <- 41",
            "c/people/ann removed",
            "c/people/bob removed",
            "v <- 3",
        ]
    );
    let again = page.restart();
    assert!(again.started.changes.is_empty());
    assert_eq!(
        again.read(|app| (app.title.clone(), app.visits)),
        ("home".to_owned(), 2)
    );
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    for (name, expected) in [
        (
            "\"bad\"",
            "a page called `bad` cannot be migrated; rename it first",
        ),
        (
            "7",
            "the stored field `title` is no `alloc::string::String`: invalid type: integer `7`, expected a \
             string at line 1 column 1; raise `#[state(version = ..)]` and add a migration that converts it",
        ),
    ] {
        let host = stored(name);
        let before = host.kept();
        let error = Driver::<Page>::on(host.clone(), Save::EveryMessage).err();
        assert_eq!(error.as_deref(), Some(expected));
        assert_eq!(host.kept(), before);
    }
}

#[test]
fn a_field_cannot_take_the_name_of_another() {
    let host = stored("\"home\"");
    host.set("f/title", "\"there\"");
    let error = Driver::<Page>::on(host, Save::EveryMessage).err();
    assert_eq!(
        error.as_deref(),
        Some("there is a field `title` already; remove it first, or choose another name")
    );
}

/// The field `things`, as a plain one or as a collection.
#[derive(Default, State)]
struct Plain {
    things: Vec<u32>,
}

#[derive(Default, State)]
struct Listed {
    things: List<u32>,
}

#[derive(Default, State)]
#[state(version = 2, migrate(1 = list_them))]
struct Migrated {
    things: List<u32>,
}

fn list_them(fields: &mut Fields) -> Result<(), StateError> {
    let things: Vec<u32> = fields.get("things")?.unwrap_or_default();
    fields.remove("things");
    let mut list = fields.list("things");
    for thing in &things {
        list.push(thing)?;
    }
    Ok(())
}

#[hyperapp(name = "Plain")]
impl Plain {}

#[hyperapp(name = "Listed")]
impl Listed {}

#[hyperapp(name = "Migrated")]
impl Migrated {
    #[local]
    fn count(&self) -> u64 {
        self.things.len()
    }
}

#[test]
fn a_field_does_not_become_a_collection_by_itself() {
    let host = |path: &str, value: &str| {
        let host = Host::new();
        host.set("v", "1");
        host.set(path, value);
        host
    };
    let error = Process::<Listed>::try_on(host("f/things", "[1,2]")).err();
    assert_eq!(
        error.as_deref(),
        Some(
            "`things` is kept as a plain field, and is a collection in this version; raise \
             `#[state(version = ..)]` and add a migration that reads it, removes it, and fills the collection"
        )
    );
    let error = Process::<Plain>::try_on(host("c/things/item/1", "7")).err();
    assert_eq!(
        error.as_deref(),
        Some(
            "`things` is kept as a collection, and is a plain field in this version; raise \
             `#[state(version = ..)]` and add a migration that reads it, removes it, and sets the field"
        )
    );
    let mut things = Process::<Migrated>::on(host("f/things", "[1,2]"));
    assert_eq!(things.call::<u64>("count", &()), Ok(2));
    things.restart();
    assert_eq!(things.call::<u64>("count", &()), Ok(2));
}
