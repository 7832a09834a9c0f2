//! Banks that send each other money, and lose none of it whatever crashes.
//!
//! Two processes of this one program, `north` and `south`, call each other by the client that `#[hyperapp]`
//! writes. A transfer is work of several steps, so what is pending is part of the state:
//!
//! 1. The money leaves the account and is noted as on its way, under a number. That is one turn, and kept
//!    before anybody is asked.
//! 2. The other bank is asked to take it in. It does so once for each number, and gives the same answer as
//!    often as it is asked.
//! 3. With the answer, whenever it comes, the note is done with; if it was no, the money goes back.
//!
//! Whatever is still noted is asked about again every second: after a crash of either bank, or of both.

#[cfg(feature = "app")]
mod ledger;
#[cfg(feature = "app")]
mod money;
#[cfg(feature = "app")]
mod page;

use std::collections::BTreeMap;

use hyperstar_process::{Address, Wire, hyperapp};
use serde::{Deserialize, Serialize};
#[cfg(feature = "app")]
use {
    crate::ledger::{Movement, Received, Transfer},
    hyperstar_process::{AddressError, Cx, Reply, State, Viewer},
    maud::Markup,
    serde_json::json,
    std::collections::{BTreeSet, VecDeque},
};

/// The banks that there are, as they address each other.
pub const BANKS: [&str; 2] = ["north:bank:local", "south:bank:local"];

/// Who has an account, at each of them.
pub const HOLDERS: [&str; 3] = ["Ann", "Bob", "Cleo"];

/// What an account begins with, in cents.
pub const FIRST_CENTS: u64 = 10_000;

/// How long one attempt to reach the other bank may take.
#[cfg(feature = "app")]
const ASK_MS: u64 = 5_000;

/// All the money that a bank answers for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct Statement {
    /// What is on the accounts, in cents.
    pub accounts: BTreeMap<String, u64>,
    /// What has left them, and the other bank has not answered for yet.
    pub on_its_way: u64,
}

/// Accounts, and what is on its way from and to them.
#[cfg(feature = "app")]
#[derive(Debug, Default, State)]
pub struct Bank {
    /// In cents, by their holders.
    accounts: BTreeMap<String, u64>,
    /// The transfers that no answer has come for, by their numbers.
    outgoing: BTreeMap<u64, Transfer>,
    /// The number of the last transfer.
    last_transfer: u64,
    /// What was answered to each bank that it may ask about again.
    received: BTreeMap<String, Received>,
    /// The latest first.
    movements: VecDeque<Movement>,
    /// The transfers that an attempt is being made for.
    #[state(skip)]
    asking: BTreeSet<u64>,
    /// The bank's own address.
    #[state(skip)]
    own: String,
    #[state(skip)]
    watching: BTreeSet<String>,
}

#[hyperapp(name = "Bank", icon = "🏦", ui = ["../look/assets", "assets"], features)]
impl Bank {
    /// Opens the accounts when it first begins.
    #[init]
    fn begin(&mut self, cx: &Cx) -> Result<(), AddressError> {
        self.own = cx.own()?.to_string();
        if self.accounts.is_empty() {
            let accounts = HOLDERS.map(|holder| (holder.to_owned(), FIRST_CENTS));
            self.accounts.extend(accounts);
        }
        Ok(())
    }

    #[view("/")]
    fn page(&self) -> Markup {
        page::page(self)
    }

    /// What the form says: `to` is a bank and a holder.
    #[action]
    async fn send(cx: Cx<Self>, from: String, to: String, amount: String) -> Reply {
        let (bank, holder) = to.split_once(' ').unwrap_or_default();
        let begun = match (bank.parse(), money::read(&amount)) {
            (Ok(bank), Ok(cents)) => Self::transfer(cx, from, bank, holder.to_owned(), cents).await,
            (Err(error), _) => Err(error.to_string()),
            (_, Err(problem)) => Err(problem),
        };
        match begun {
            Ok(_) => Reply::new().signals(&json!({ "amount": "", "error": "" })),
            Err(problem) => Reply::new()
                .signals(&json!({ "error": problem }))
                .unchanged(),
        }
    }

    /// Sends money from an account to one of any bank. With the answer it has left the account, and will
    /// arrive or come back.
    #[local]
    async fn transfer(
        cx: Cx<Self>,
        from: String,
        bank: Address,
        to: String,
        cents: u64,
    ) -> Result<(), String> {
        let transfer = Transfer::new(from, bank, to, cents, cx.now_ms());
        if let Some(number) = cx.with(|own| own.take_out(transfer))? {
            deliver_beside(&cx, number);
        }
        Ok(())
    }

    /// Takes in what another bank sends, once for each of its numbers; `oldest` is the first of those that it
    /// will ask about again.
    #[local]
    fn deposit(
        &mut self,
        cx: &Cx,
        number: u64,
        oldest: u64,
        holder: String,
        cents: u64,
    ) -> Result<(), String> {
        let Some(sender) = cx.sender() else {
            return Err("only banks send money".to_owned());
        };
        self.take_in(sender.as_str(), number, oldest, &holder, cents, cx.now_ms())
    }

    /// All the money that this bank answers for.
    #[local]
    #[remote]
    fn statement(&self) -> Statement {
        Statement {
            accounts: self.accounts.clone(),
            on_its_way: self.outgoing.values().map(|transfer| transfer.cents).sum(),
        }
    }

    /// Asks about what no answer has come for.
    #[every("1s")]
    async fn ask_again(cx: Cx<Self>) {
        for number in cx.read(|bank| bank.unasked()) {
            deliver_beside(&cx, number);
        }
    }

    #[join]
    fn join(&mut self, who: &Viewer) {
        self.watching.insert(who.tab().to_owned());
    }

    #[leave]
    fn leave(&mut self, who: &Viewer) {
        self.watching.remove(who.tab());
    }
}

/// Tries to deliver a transfer while the handler goes on. What finds no room is tried again with the next
/// second.
#[cfg(feature = "app")]
fn deliver_beside(cx: &Cx<Bank>, number: u64) {
    let spawned = cx.spawn(move |cx| async move { deliver(cx, number).await });
    if let Err(error) = spawned {
        hyperstar_process::warn!("transfer {number} waits: {error}");
    }
}

/// Asks the other bank to take a transfer in.
#[cfg(feature = "app")]
async fn deliver(cx: Cx<Bank>, number: u64) {
    let Some((transfer, oldest)) = cx.with(|bank| bank.ask_about(number)) else {
        return;
    };
    let Transfer {
        bank, to, cents, ..
    } = transfer;
    let other = BankClient::at(&cx, bank).timeout_ms(ASK_MS);
    let answer = other.deposit(number, oldest, to, cents).await;
    let now_ms = cx.now_ms();
    cx.with(|bank| bank.answered(number, answer, now_ms));
}

#[cfg(test)]
mod tests;
