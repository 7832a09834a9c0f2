//! Who may message whom. Nobody may, unless a grant says so.

use std::collections::hash_map::Entry;

use crate::hash::{Seed, Table};
use crate::{GrantId, KernelLimits, Name};

/// A capability: `holder` may message `target`.
///
/// A grant that was made of another ([`attenuated_from`](Grant::attenuated_from)) can only be narrower,
/// and ends with it. Its holder may be another process: that is how a holder shares what it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Greater than all that were ever added.
    pub id: GrantId,
    /// Who may.
    pub holder: Name,
    /// Whom.
    pub target: Target,
    /// By which handlers.
    pub handlers: Handlers,
    /// The grant that this one is a part of.
    pub attenuated_from: Option<GrantId>,
    /// When it ends by itself.
    pub expires_ms: Option<u64>,
}

/// Whom a grant lets message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Every process.
    Any,
    /// One process.
    Process(Name),
}

/// By which handlers a grant lets message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handlers {
    /// By all of them.
    All,
    /// By these.
    Only(Vec<Name>),
}

impl Grant {
    fn allows(&self, to: &Name, handler: &Name) -> bool {
        let is_target = match &self.target {
            Target::Any => true,
            Target::Process(name) => name == to,
        };
        is_target
            && match &self.handlers {
                Handlers::All => true,
                Handlers::Only(names) => names.contains(handler),
            }
    }

    /// Why this grant is wider than `whole`, if it is.
    fn exceeds(&self, whole: &Grant) -> Option<String> {
        let id = whole.id;
        if whole.target != Target::Any && self.target != whole.target {
            return Some(format!("grant {id} is for another target: name that one"));
        }
        if let Handlers::Only(names) = &whole.handlers {
            let own = match &self.handlers {
                Handlers::All => {
                    return Some(format!("grant {id} is for some handlers only: list them"));
                }
                Handlers::Only(own) => own,
            };
            if let Some(handler) = own.iter().find(|name| !names.contains(name)) {
                return Some(format!(
                    "grant {id} does not allow `{handler}`: leave it out"
                ));
            }
        }
        match (whole.expires_ms, self.expires_ms) {
            (Some(end), None) => Some(format!("grant {id} expires at {end} ms: name a time")),
            (Some(end), Some(own)) if own > end => Some(format!(
                "grant {id} expires at {end} ms: name an earlier time"
            )),
            _ => None,
        }
    }
}

/// The grants that live.
pub(crate) struct Grants {
    by_holder: Table<Name, Vec<Grant>>,
    /// Where each grant is, and what was made of it.
    by_id: Table<GrantId, (Name, Vec<GrantId>)>,
    /// No id up to this one is new.
    last: Option<GrantId>,
}

impl Grants {
    pub(crate) fn new(seed: Seed) -> Self {
        Grants {
            by_holder: Table::with_hasher(seed),
            by_id: Table::with_hasher(seed),
            last: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn contains(&self, id: GrantId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(crate) fn allow(&self, holder: &Name, to: &Name, handler: &Name) -> bool {
        let held = self.by_holder.get(holder);
        held.is_some_and(|grants| grants.iter().any(|grant| grant.allows(to, handler)))
    }

    /// Adds a grant, or says why not, with the remedy.
    pub(crate) fn add(
        &mut self,
        grant: Grant,
        now_ms: u64,
        limits: &KernelLimits,
    ) -> Result<(), String> {
        self.check(&grant, now_ms, limits)?;
        self.last = Some(grant.id);
        if let Some(whole) = grant.attenuated_from
            && let Some((_, parts)) = self.by_id.get_mut(&whole)
        {
            parts.push(grant.id);
        }
        let place = (Name::clone(&grant.holder), Vec::new());
        self.by_id.insert(grant.id, place);
        let holder = Name::clone(&grant.holder);
        self.by_holder.entry(holder).or_default().push(grant);
        Ok(())
    }

    fn check(&self, grant: &Grant, now_ms: u64, limits: &KernelLimits) -> Result<(), String> {
        if let Some(last) = self.last
            && grant.id <= last
        {
            return Err(format!(
                "grant {} is not new: number it above {last}; a grant that was revoked stays so",
                grant.id
            ));
        }
        if grant.expires_ms.is_some_and(|end| end <= now_ms) {
            return Err("it has expired: name a later time".to_owned());
        }
        if let Handlers::Only(names) = &grant.handlers
            && names.len() > limits.grant_handlers_max
        {
            let most = limits.grant_handlers_max;
            return Err(format!(
                "{} handlers, the most are {most}: grant all",
                names.len()
            ));
        }
        let held = self.by_holder.get(&grant.holder).map_or(0, Vec::len);
        if held >= limits.holder_grants_max || self.by_id.len() >= limits.grants_max {
            return Err(format!(
                "`{}` holds {held} grants, the most are {} each and {} together: revoke some",
                grant.holder, limits.holder_grants_max, limits.grants_max
            ));
        }
        let Some(id) = grant.attenuated_from else {
            return Ok(());
        };
        let whole = self.get(id).ok_or_else(|| {
            format!("grant {id}, which it is a part of, is void: ask for a new one")
        })?;
        grant.exceeds(whole).map_or(Ok(()), Err)
    }

    fn get(&self, id: GrantId) -> Option<&Grant> {
        let (holder, _) = self.by_id.get(&id)?;
        self.by_holder.get(holder)?.iter().find(|one| one.id == id)
    }

    /// Takes a grant back and all that came of it. Says whose they were.
    pub(crate) fn revoke(&mut self, id: GrantId) -> Vec<Name> {
        let mut holders = Vec::new();
        if let Some(whole) = self.get(id).and_then(|grant| grant.attenuated_from)
            && let Some((_, parts)) = self.by_id.get_mut(&whole)
        {
            parts.retain(|part| *part != id);
        }
        let mut void = vec![id];
        while let Some(id) = void.pop() {
            let Some((holder, parts)) = self.by_id.remove(&id) else {
                continue;
            };
            void.extend(parts);
            if let Entry::Occupied(mut held) = self.by_holder.entry(Name::clone(&holder)) {
                held.get_mut().retain(|grant| grant.id != id);
                if held.get().is_empty() {
                    held.remove();
                }
            }
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
        holders
    }

    /// No id up to this one is new.
    pub(crate) fn up_to(&mut self, id: GrantId) {
        self.last = self.last.max(Some(id));
    }
}
