//! Places: how many streams there may be, in all, of one browser and from one address.
//!
//! Every open stream has a place and gives it back when it ends. A page that connects again while its
//! old stream is still ending is let in at once, wherever it comes from: only tabs that come on top are
//! refused.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::hub::{Counters, Hub, lock};

/// The most streams of one tab: the one that it follows, and those before it that are still ending.
const STREAMS_PER_TAB_MAX: usize = 4;

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// That of the whole app.
    Streams,
    /// That of one browser, and how many it may have.
    Session(usize),
    /// That of one address, and how many it may have.
    Address(usize),
    /// That of one tab.
    Tab,
}

/// All places of an app.
pub(crate) struct Places {
    taken: Mutex<Taken>,
    streams_max: usize,
    streams_per_session_max: usize,
    streams_per_address_max: usize,
}

#[derive(Default)]
struct Taken {
    streams: usize,
    tabs: Counts<u64>,
    sessions: Counts<String>,
    addresses: Counts<IpAddr>,
}

/// Who wants a place.
#[derive(Clone)]
pub(crate) struct Guest {
    /// Names the tab among all of the app.
    pub(crate) tab: u64,
    pub(crate) session: String,
    /// Where it comes from, if that is to be counted.
    pub(crate) address: Option<IpAddr>,
}

impl Places {
    pub(crate) fn new(limits: &crate::Limits) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            streams_max: limits.streams_max,
            streams_per_session_max: limits.streams_per_session_max,
            streams_per_address_max: limits.streams_per_address_max,
        })
    }

    /// Takes a place for a stream; it is given back when the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, guest: Guest, hub: &Hub) -> Result<Place, TooMany> {
        let mut taken = lock(&self.taken);
        match taken.tabs.of(&guest.tab) {
            0 => self.admit(&taken, &guest)?,
            // It takes the place of the one that it has.
            streams if streams < STREAMS_PER_TAB_MAX => {}
            _ => return Err(TooMany::Tab),
        }
        taken.streams += 1;
        taken.tabs.add(guest.tab);
        taken.sessions.add(guest.session.clone());
        if let Some(address) = guest.address {
            taken.addresses.add(address);
        }
        drop(taken);
        Counters::add(&hub.counters().viewers, 1);
        Ok(Place {
            places: self.clone(),
            guest,
            hub: hub.clone(),
        })
    }

    fn admit(&self, taken: &Taken, guest: &Guest) -> Result<(), TooMany> {
        if taken.sessions.of(&guest.session) >= self.streams_per_session_max {
            return Err(TooMany::Session(self.streams_per_session_max));
        }
        let from_there = guest.address.map(|address| taken.addresses.of(&address));
        if from_there.is_some_and(|streams| streams >= self.streams_per_address_max) {
            return Err(TooMany::Address(self.streams_per_address_max));
        }
        if taken.streams >= self.streams_max {
            return Err(TooMany::Streams);
        }
        Ok(())
    }

    /// How many streams are open.
    pub(crate) fn taken(&self) -> usize {
        lock(&self.taken).streams
    }
}

/// A stream's place among those that the limits allow.
pub(crate) struct Place {
    places: Arc<Places>,
    guest: Guest,
    hub: Hub,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.places.taken);
        taken.streams -= 1;
        taken.tabs.sub(&self.guest.tab);
        taken.sessions.sub(&self.guest.session);
        if let Some(address) = &self.guest.address {
            taken.addresses.sub(address);
        }
        drop(taken);
        Counters::sub(&self.hub.counters().viewers, 1);
    }
}

/// How many of each; what is at zero is not kept.
struct Counts<K>(HashMap<K, usize>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Counts<K> {
    fn of(&self, key: &K) -> usize {
        self.0.get(key).copied().unwrap_or_default()
    }

    fn add(&mut self, key: K) {
        *self.0.entry(key).or_default() += 1;
    }

    fn sub(&mut self, key: &K) {
        if let Some(count) = self.0.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct House {
        places: Arc<Places>,
        hub: Hub,
    }

    impl House {
        fn new(streams_max: usize, per_session: usize, per_address: usize) -> Self {
            Self {
                places: Places::new(&crate::Limits {
                    streams_max,
                    streams_per_session_max: per_session,
                    streams_per_address_max: per_address,
                    ..Default::default()
                }),
                hub: Hub::new(),
            }
        }

        fn enter(&self, tab: u64, session: &str, address: Option<u8>) -> Result<Place, TooMany> {
            let guest = Guest {
                tab,
                session: session.to_owned(),
                address: address.map(|last| IpAddr::from([198, 51, 100, last])),
            };
            self.places.enter(guest, &self.hub)
        }

        fn is_empty(&self) -> bool {
            let taken = lock(&self.places.taken);
            taken.streams == 0
                && taken.tabs.0.is_empty()
                && taken.sessions.0.is_empty()
                && taken.addresses.0.is_empty()
                && self.hub.stats().viewers == 0
        }
    }

    #[test]
    fn each_limit_refuses_its_own_and_places_come_back() {
        let house = House::new(4, 2, 3);
        let a = house.enter(1, "a", Some(1)).unwrap();
        let b = house.enter(2, "a", Some(2)).unwrap();
        assert_eq!(
            house.enter(3, "a", Some(3)).err(),
            Some(TooMany::Session(2))
        );
        let c = house.enter(4, "b", Some(1)).unwrap();
        let d = house.enter(5, "b", Some(1)).unwrap();
        assert_eq!(
            house.enter(6, "c", Some(1)).err(),
            Some(TooMany::Address(3))
        );
        assert_eq!(house.enter(6, "c", None).err(), Some(TooMany::Streams));
        drop(a);
        let e = house.enter(6, "c", Some(1)).unwrap();
        assert_eq!(house.places.taken(), 4);
        drop((b, c, d, e));
        assert!(house.is_empty());
    }

    #[test]
    fn a_tab_that_comes_again_is_let_in_a_few_times_over() {
        let house = House::new(1, 1, 1);
        let old = house.enter(1, "a", Some(1)).unwrap();
        assert!(house.enter(2, "a", Some(1)).is_err());
        // From another address too: a phone that leaves the house.
        let new = house.enter(1, "a", Some(2)).unwrap();
        drop(old);
        assert!(house.enter(2, "b", Some(1)).is_err(), "it has its place");
        let mut more: Vec<Place> = (1..STREAMS_PER_TAB_MAX)
            .map(|_| house.enter(1, "a", Some(2)).unwrap())
            .collect();
        assert_eq!(house.enter(1, "a", Some(2)).err(), Some(TooMany::Tab));
        more.pop();
        more.push(house.enter(1, "a", Some(2)).unwrap());
        drop((new, more));
        assert!(house.is_empty());
    }
}
