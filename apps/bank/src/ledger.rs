//! What money does: it leaves an account, is on its way, and arrives or comes back.
//!
//! At any moment each cent is on one account or in one transfer that is on its way, or, between the turn in
//! which the other bank took it in and the one in which its answer came, in both: that transfer is known to
//! the other bank by its number, so it cannot be taken in twice.

use std::collections::BTreeMap;

use hyperstar_process::{Address, CallError};
use serde::{Deserialize, Serialize};

use crate::{Bank, money};

/// How many numbers there may be from the oldest open transfer on: so much the other bank has to remember.
const OPEN_MAX: u64 = 64;
/// How many of the latest movements are shown.
const MOVEMENTS_MAX: usize = 12;

/// Money that has left an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) from: String,
    pub(crate) bank: Address,
    pub(crate) to: String,
    pub(crate) cents: u64,
    /// When it left, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Why the last attempt had no answer.
    pub(crate) trouble: Option<String>,
}

impl Transfer {
    pub(crate) fn new(from: String, bank: Address, to: String, cents: u64, at_ms: u64) -> Self {
        Self {
            from,
            bank,
            to,
            cents,
            at_ms,
            trouble: None,
        }
    }

    /// In words, from the view of the bank that it leaves.
    pub(crate) fn told(&self) -> String {
        let bank = self.bank.process();
        let (from, to, cents) = (&self.from, &self.to, money::written(self.cents));
        format!("{from} to {to} at {}: {cents}", bank.process())
    }
}

/// What another bank was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    /// It asks about none before this one any longer.
    oldest: u64,
    answers: BTreeMap<u64, Result<(), String>>,
}

/// Something that happened to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Movement {
    /// In one line.
    pub(crate) what: String,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
}

impl Bank {
    /// Takes the money of a transfer out of its account. To an account of another bank it is on its way then,
    /// under the number that is returned; to one of this bank it is there at once.
    ///
    /// # Errors
    /// A sentence for the person; nothing has changed.
    pub(crate) fn take_out(&mut self, transfer: Transfer) -> Result<Option<u64>, String> {
        let Transfer { from, cents, .. } = &transfer;
        let Some(had) = self.accounts.get(from) else {
            return Err(self.no_account(from));
        };
        if *cents == 0 {
            return Err("How much is to be sent?".to_owned());
        }
        let Some(left) = had.checked_sub(*cents) else {
            return Err(format!("{from} has only {}.", money::written(*had)));
        };
        let is_own = transfer.bank.as_str() == self.own;
        let next = self.last_transfer + 1;
        if is_own {
            // Nothing is done by halves: who gets it is looked for before anybody pays.
            self.room_of(&transfer.to, *cents)?;
        } else if next - self.oldest_open() >= OPEN_MAX {
            return Err("Too much is on its way; wait until it has arrived.".to_owned());
        }
        self.accounts.insert(from.clone(), left);
        if is_own {
            self.credit(&transfer.to, *cents);
            self.note(transfer.told(), transfer.at_ms);
            return Ok(None);
        }
        self.last_transfer = next;
        self.outgoing.insert(next, transfer);
        Ok(Some(next))
    }

    /// What the other bank is asked for a transfer that is on its way, and the oldest number of those; none
    /// if it was answered, or an attempt is being made already.
    pub(crate) fn ask_about(&mut self, number: u64) -> Option<(Transfer, u64)> {
        let transfer = self.outgoing.get(&number)?.clone();
        let is_first = self.asking.insert(number);
        is_first.then(|| (transfer, self.oldest_open()))
    }

    /// The transfers that are on their way, and nobody is asked about.
    pub(crate) fn unasked(&self) -> Vec<u64> {
        let open = self.outgoing.keys().copied();
        open.filter(|number| !self.asking.contains(number))
            .collect()
    }

    /// An attempt to deliver a transfer has ended. Only an answer of the other bank settles it: without one
    /// nobody knows whether the money has arrived.
    pub(crate) fn answered(
        &mut self,
        number: u64,
        answer: Result<Result<(), String>, CallError>,
        now_ms: u64,
    ) {
        self.asking.remove(&number);
        match answer {
            Ok(answer) => {
                let Some(transfer) = self.outgoing.remove(&number) else {
                    return;
                };
                match answer {
                    Ok(()) => self.note(transfer.told(), now_ms),
                    Err(reason) => {
                        self.credit(&transfer.from, transfer.cents);
                        self.note(format!("Back: {}; {reason}", transfer.told()), now_ms);
                    }
                }
            }
            Err(error) => {
                if let Some(transfer) = self.outgoing.get_mut(&number) {
                    transfer.trouble = Some(error.to_string());
                }
            }
        }
    }

    /// Takes money in that another bank has sent under a number; asked again, it answers the same again.
    ///
    /// # Errors
    /// Why the money has to go back.
    pub(crate) fn take_in(
        &mut self,
        sender: &str,
        number: u64,
        oldest: u64,
        holder: &str,
        cents: u64,
        now_ms: u64,
    ) -> Result<(), String> {
        let received = self.received.entry(sender.to_owned()).or_default();
        received.oldest = received.oldest.max(oldest);
        let first = received.oldest;
        received.answers.retain(|number, _| *number >= first);
        if let Some(answer) = received.answers.get(&number) {
            return answer.clone();
        }
        // A bank that keeps to the protocol asks neither about what it has settled nor so far ahead.
        if number < first || number - first >= OPEN_MAX {
            return Err(format!("there can be no transfer {number} now"));
        }
        let answer = self.room_of(holder, cents);
        if let Some(received) = self.received.get_mut(sender) {
            received.answers.insert(number, answer.clone());
        }
        if answer.is_ok() {
            self.credit(holder, cents);
            let bank = sender.split(':').next().unwrap_or_default();
            let what = format!("{holder} from {bank}: {}", money::written(cents));
            self.note(what, now_ms);
        }
        answer
    }

    /// Whether there is such an account, and so much more fits on it.
    fn room_of(&self, holder: &str, cents: u64) -> Result<(), String> {
        match self.accounts.get(holder) {
            None => Err(self.no_account(holder)),
            Some(has) if has.checked_add(cents).is_none() => Err(format!("{holder} has enough")),
            Some(_) => Ok(()),
        }
    }

    fn credit(&mut self, holder: &str, cents: u64) {
        let account = self.accounts.entry(holder.to_owned()).or_default();
        *account = account.saturating_add(cents);
    }

    fn oldest_open(&self) -> u64 {
        let oldest = self.outgoing.keys().next().copied();
        oldest.unwrap_or(self.last_transfer + 1)
    }

    fn no_account(&self, holder: &str) -> String {
        let holders: Vec<&str> = self.accounts.keys().map(String::as_str).collect();
        let holder: String = holder.chars().take(40).collect();
        format!(
            "there is no account `{holder}`; there are {}",
            holders.join(", ")
        )
    }

    fn note(&mut self, what: String, at_ms: u64) {
        self.movements.truncate(MOVEMENTS_MAX - 1);
        self.movements.push_front(Movement { what, at_ms });
    }
}
