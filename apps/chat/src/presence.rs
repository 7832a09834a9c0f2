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
    /// A tab of this person shows a room now. Answers whether that is news.
    pub(crate) fn enter(&mut self, person: &Person, tab: &str, room: &str) -> bool {
        let now = Tab {
            room: room.to_owned(),
            name: person.name.clone(),
        };
        let before = self.tabs.insert((person.key.clone(), tab.to_owned()), now);
        before.is_none_or(|before| before.room != room || before.name != person.name)
    }

    /// A tab is closed. Answers whether it was known.
    pub(crate) fn leave(&mut self, key: &str, tab: &str) -> bool {
        self.tabs
            .remove(&(key.to_owned(), tab.to_owned()))
            .is_some()
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
        assert!(presence.enter(&bob, "t1", "lobby"));
        assert!(presence.enter(&ada, "t1", "lobby"));
        assert!(presence.enter(&ada, "t2", "lobby"));
        assert!(presence.enter(&ada, "t3", "ideas"));
        assert!(!presence.enter(&ada, "t3", "ideas"), "that is no news");
        assert_eq!(names(&presence, "lobby"), ["ada", "Bob"]);
        assert!(presence.leave(&ada.key, "t1"));
        assert!(!presence.leave(&ada.key, "t1"));
        presence.rename(&Person {
            name: "Zoe".to_owned(),
            ..ada.clone()
        });
        assert_eq!(names(&presence, "lobby"), ["Bob", "Zoe"]);
        assert_eq!(names(&presence, "ideas"), ["Zoe"]);
        assert!(presence.leave(&ada.key, "t2"));
        assert_eq!(names(&presence, "lobby"), ["Bob"]);
    }
}
