//! Whether senders are served in turn, for those whose requests the test sees coming.

use std::collections::{BTreeMap, BTreeSet};

use hyperstar_kernel::Name;

#[derive(Default)]
pub(super) struct Watch {
    /// What waits, by receiver and sender.
    waiting: BTreeMap<(Name, Name), BTreeSet<u64>>,
    /// Who was served how often while somebody else waited, by receiver and who waited.
    served: BTreeMap<(Name, Name), BTreeMap<Name, u32>>,
}

impl Watch {
    /// A request waits from now on.
    pub(super) fn wait(&mut self, to: &Name, from: &Name, id: u64) {
        let place = (to.clone(), from.clone());
        let waiting = self.waiting.entry(place.clone()).or_default();
        if waiting.is_empty() {
            self.served.remove(&place);
        }
        waiting.insert(id);
    }

    /// A request waits no more.
    pub(super) fn leave(&mut self, to: &Name, from: &Name, id: u64) {
        if let Some(waiting) = self.waiting.get_mut(&(to.clone(), from.clone())) {
            waiting.remove(&id);
        }
    }

    /// A message is given to its receiver.
    pub(super) fn serve(&mut self, to: &Name, from: &Name, id: u64) {
        self.leave(to, from, id);
        self.served.remove(&(to.clone(), from.clone()));
        for ((receiver, sender), waiting) in &self.waiting {
            if receiver == to && sender != from && !waiting.is_empty() {
                let served = self.served.entry((to.clone(), sender.clone())).or_default();
                let times = served.entry(from.clone()).or_default();
                *times += 1;
                assert!(
                    *times <= 1,
                    "`{to}` takes of `{from}` while `{sender}` waits"
                );
            }
        }
    }

    /// Messages went back into the mailbox: the order of senders starts anew.
    pub(super) fn restart(&mut self, to: &Name) {
        self.served.retain(|(receiver, _), _| receiver != to);
        self.waiting.retain(|(receiver, _), _| receiver != to);
    }

    pub(super) fn clear(&mut self) {
        *self = Watch::default();
    }
}
