//! When changes are handed out to be kept.

use hyperstar_interface::Save;

/// A policy and how far it is.
pub(super) struct Saving {
    policy: Save,
    /// Messages since changes were handed out.
    messages: u32,
    /// The timer that it waits for.
    timer: Option<u64>,
    /// Whatever the policy: a migration, the end.
    is_forced: bool,
}

impl Saving {
    pub(super) fn new(policy: Save) -> Self {
        Self {
            policy,
            messages: 0,
            timer: None,
            is_forced: false,
        }
    }

    /// A message was answered.
    pub(super) fn count(&mut self) {
        self.messages = self.messages.saturating_add(1);
    }

    /// Changes are to be handed out with this turn, unless nothing is ever kept.
    pub(super) fn force(&mut self) {
        self.is_forced = true;
    }

    /// Whether this timer was its own; it is due then.
    pub(super) fn take_timer(&mut self, id: u64) -> bool {
        let is_own = self.timer == Some(id);
        if is_own {
            self.timer = None;
            self.is_forced = true;
        }
        is_own
    }

    /// Whether changes are to be handed out now.
    pub(super) fn take_due(&mut self) -> bool {
        let is_forced = std::mem::take(&mut self.is_forced);
        let is_due = match self.policy {
            Save::Never => false,
            Save::EveryNMessages(count) => is_forced || self.messages >= count,
            Save::EveryNSeconds(_) => is_forced,
            _ => true,
        };
        if is_due {
            self.messages = 0;
        }
        is_due
    }

    /// How long until a save that something changed for, if a timer is needed.
    pub(super) fn wants_timer_ms(&self) -> Option<u64> {
        match self.policy {
            Save::EveryNSeconds(seconds) if self.timer.is_none() => {
                Some(u64::from(seconds) * 1_000)
            }
            _ => None,
        }
    }

    pub(super) fn set_timer(&mut self, id: u64) {
        self.timer = Some(id);
    }
}
