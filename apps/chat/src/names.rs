//! What people want to be called.

use hyperstar_process::{Session, StateError};
use serde::{Deserialize, Serialize};

use crate::Chat;
use crate::person::Person;

/// The most names that are kept; of more, the one that was chosen first is forgotten.
const NAMES_MAX: u64 = 1_000;

/// A name that somebody chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    name: String,
    /// When, in milliseconds since 1970.
    chosen_ms: u64,
}

impl Chat {
    /// The person of a session, under the name that they chose, if they did.
    pub(crate) fn person(&self, who: &Session) -> Result<Person, StateError> {
        let guest = Person::new(who.id(), None);
        Ok(match self.names.get(&guest.key)? {
            Some(Name { name, .. }) => Person { name, ..guest },
            None => guest,
        })
    }

    /// Has a person be called so from now on.
    pub(crate) fn call(
        &mut self,
        who: &Session,
        name: &str,
        chosen_ms: u64,
    ) -> Result<(), StateError> {
        let name = Name {
            name: name.to_owned(),
            chosen_ms,
        };
        let key = Person::new(who.id(), None).key;
        let before = self.names.insert(&key, &name)?;
        if before.is_none() && self.names.len() > NAMES_MAX {
            let names = self.names.entries()?;
            let first = names.iter().min_by_key(|(_, name)| name.chosen_ms);
            if let Some((key, _)) = first {
                self.names.remove(key)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_name_is_forgotten_when_there_are_too_many() {
        let mut chat = Chat::default();
        let session = |n: u64| Session::new(n.to_string());
        for n in 0..=NAMES_MAX {
            chat.call(&session(n), &format!("name {n}"), n)
                .expect("a name");
        }
        chat.call(&session(1), "again", NAMES_MAX + 1)
            .expect("a name");
        chat.call(&session(NAMES_MAX + 2), "one more", NAMES_MAX + 2)
            .expect("a name");
        let name = |n: u64| chat.person(&session(n)).expect("a person").name;
        assert_eq!(chat.names.len(), NAMES_MAX);
        assert_eq!(name(0), Person::new("0", None).name);
        assert_eq!(name(1), "again");
        assert_eq!(name(2), Person::new("2", None).name);
        assert_eq!(name(3), "name 3");
    }
}
