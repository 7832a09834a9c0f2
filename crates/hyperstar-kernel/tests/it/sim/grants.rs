//! Who may message whom, as the test knows it.

use hyperstar_kernel::{Grant, GrantId, Handlers, Name, Target};

#[derive(Default)]
pub(super) struct Model {
    live: Vec<Grant>,
    pub(super) last: u64,
}

impl Model {
    /// A grant with a new number.
    pub(super) fn make(&mut self, holder: &Name, target: Target, from: Option<GrantId>) -> Grant {
        self.last += 1;
        let expires_ms = from.and_then(|from| self.get(from)?.expires_ms);
        Grant {
            id: GrantId(self.last),
            holder: holder.clone(),
            target,
            handlers: Handlers::All,
            attenuated_from: from,
            expires_ms,
        }
    }

    pub(super) fn add(&mut self, grant: Grant) {
        self.live.push(grant);
    }

    fn get(&self, id: GrantId) -> Option<&Grant> {
        self.live.iter().find(|grant| grant.id == id)
    }

    pub(super) fn revoke(&mut self, id: GrantId) {
        self.live.retain(|grant| grant.id != id);
        let parts: Vec<GrantId> = self
            .live
            .iter()
            .filter(|one| one.attenuated_from == Some(id))
            .map(|one| one.id)
            .collect();
        for part in parts {
            self.revoke(part);
        }
    }

    pub(super) fn expire(&mut self, now_ms: u64) {
        while let Some(over) = self
            .live
            .iter()
            .find(|one| one.expires_ms.is_some_and(|end| end <= now_ms))
        {
            self.revoke(over.id);
        }
    }

    pub(super) fn live(&self) -> &[Grant] {
        &self.live
    }

    pub(super) fn allow(&self, from: &Name, to: &Name) -> bool {
        from == to
            || self.live.iter().any(|grant| {
                grant.holder == *from
                    && match &grant.target {
                        Target::Any => true,
                        Target::Process(name) => name == to,
                    }
            })
    }
}
