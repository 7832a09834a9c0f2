//! Who is in which room.

use std::collections::BTreeMap;

use crate::person::Person;

/// The tabs that are open, and where. A person with several tabs in a room is there once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence {
    tabs: BTreeMap<(String, String), Tab>,
}

#[derive(Clone, Debug)]
struct Tab {
    room: String,
    name: String,
}

impl Presence {
    /// A tab of this person is there; which room it shows is not known yet.
    pub(crate) fn join(&mut self, person: &Person, tab: &str) {
        let tabs = self.tabs.entry((person.key.clone(), tab.to_owned()));
        tabs.or_insert_with(|| Tab {
            room: String::new(),
            name: person.name.clone(),
        });
    }

    /// A tab of this person shows a room now. Answers whether that is news; of a tab that is not there it
    /// is none, since nobody would say that it left.
    pub(crate) fn enter(&mut self, person: &Person, tab: &str, room: &str) -> bool {
        let key = (person.key.clone(), tab.to_owned());
        match self.tabs.get_mut(&key) {
            Some(tab) if tab.room != room => {
                room.clone_into(&mut tab.room);
                true
            }
            _ => false,
        }
    }

    /// The same with this person in a room.
    pub(crate) fn with(mut self, person: &Person, room: &str) -> Self {
        self.join(person, "");
        self.enter(person, "", room);
        self
    }

    /// A tab is closed.
    pub(crate) fn leave(&mut self, key: &str, tab: &str) {
        self.tabs.remove(&(key.to_owned(), tab.to_owned()));
    }

    /// A person is called differently, in all their tabs.
    pub(crate) fn rename(&mut self, person: &Person) {
        for ((key, _), tab) in &mut self.tabs {
            if *key == person.key {
                tab.name.clone_from(&person.name);
            }
        }
    }

    /// Who is in a room, by name.
    pub(crate) fn people(&self, room: &str) -> Vec<Person> {
        let here = self.tabs.iter().filter(|(_, tab)| tab.room == room);
        let mut people: Vec<Person> = here
            .map(|((key, _), tab)| Person {
                key: key.clone(),
                name: tab.name.clone(),
            })
            .collect();
        // Tabs are in the order of their people.
        people.dedup_by(|a, b| a.key == b.key);
        people.sort_by_cached_key(|person| (person.name.to_lowercase(), person.key.clone()));
        people
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_in_a_room_once_and_until_the_last_tab_is_closed() {
        let (ada, bob) = (
            Person::new("1", Some("ada".to_owned())),
            Person::new("2", Some("Bob".to_owned())),
        );
        let mut presence = Presence::default();
        let names = |presence: &Presence, room: &str| -> Vec<String> {
            presence
                .people(room)
                .into_iter()
                .map(|person| person.name)
                .collect()
        };
        assert!(
            !presence.enter(&bob, "t1", "lobby"),
            "it is not there: who would say that it left?"
        );
        for (person, tab) in [(&bob, "t1"), (&ada, "t1"), (&ada, "t2"), (&ada, "t3")] {
            presence.join(person, tab);
        }
        assert!(names(&presence, "lobby").is_empty());
        assert!(presence.enter(&bob, "t1", "lobby"));
        assert!(presence.enter(&ada, "t1", "lobby"));
        assert!(presence.enter(&ada, "t2", "lobby"));
        assert!(presence.enter(&ada, "t3", "ideas"));
        assert!(!presence.enter(&ada, "t3", "ideas"), "that is no news");
        assert_eq!(names(&presence, "lobby"), ["ada", "Bob"]);
        presence.join(&ada, "t3");
        assert_eq!(names(&presence, "ideas"), ["ada"], "it stays where it is");
        let guest = Person::new("3", Some("Eve".to_owned()));
        let read = presence.clone().with(&guest, "lobby");
        assert_eq!(names(&read, "lobby"), ["ada", "Bob", "Eve"]);
        presence.leave(&ada.key, "t1");
        presence.rename(&Person {
            name: "Zoe".to_owned(),
            ..ada.clone()
        });
        assert_eq!(names(&presence, "lobby"), ["Bob", "Zoe"]);
        assert_eq!(names(&presence, "ideas"), ["Zoe"]);
        presence.leave(&ada.key, "t2");
        assert_eq!(names(&presence, "lobby"), ["Bob"]);
    }
}
