//! What a bank looks like.

use hyperstar_process::action;
use look::clock::rfc3339;
use look::{bar, foot, here, icon};
use maud::{Markup, html};

use crate::ledger::{Movement, Transfer};
use crate::money::written;
use crate::{BANKS, Bank, HOLDERS};

/// The page of a bank: the same for everyone.
pub(crate) fn page(bank: &Bank) -> Markup {
    let title = titled(&bank.own);
    html! {
        (bar(&title, here(bank.watching.len(), "here")))
        section .bank {
            (accounts(bank))
            (form(bank))
            @if !bank.outgoing.is_empty() { (on_their_way(bank)) }
            (movements(&bank.movements))
        }
        (foot(&title))
    }
}

/// `north`
fn place(address: &str) -> &str {
    address.split(':').next().unwrap_or_default()
}

/// `North bank`
fn titled(address: &str) -> String {
    let mut letters = place(address).chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let name: String = first.into_iter().chain(letters).collect();
    format!("{name} bank")
}

fn accounts(bank: &Bank) -> Markup {
    html! {
        ul .accounts aria-label="Accounts" {
            @for (number, (holder, cents)) in bank.accounts.iter().enumerate() {
                li id={ "account-" (number) } .card.account {
                    span .holder { (holder) }
                    output .cents { (written(*cents)) }
                }
            }
        }
    }
}

fn form(bank: &Bank) -> Markup {
    let from = bank.accounts.keys().next().map_or("", String::as_str);
    let other = BANKS.into_iter().find(|other| *other != bank.own);
    let to = format!("{} {}", other.unwrap_or(BANKS[0]), HOLDERS[0]);
    html! {
        form .card.sending data-signals=(format!("{{from: '{from}', to: '{to}', amount: '', error: ''}}"))
            data-indicator:_sending data-on:submit=(action("send").when("!$_sending")) {
            label { span { "From" }
                select #from .field data-bind:from {
                    @for holder in bank.accounts.keys() { option value=(holder) { (holder) } }
                }
            }
            label { span { "To" }
                select #to .field data-bind:to {
                    @for address in BANKS.into_iter().rev() {
                        optgroup label=(titled(address)) {
                            @for holder in HOLDERS { option value={ (address) " " (holder) } selected[format!("{address} {holder}") == to] { (holder) " at " (place(address)) } }
                        }
                    }
                }
            }
            label { span { "Amount" }
                input #amount .field data-bind:amount inputmode="decimal" autocomplete="off" placeholder="12.50" maxlength="12"
                    aria-describedby="error" data-on:input="$error = ''";
            }
            button .button.primary type="submit" { (icon("M5 12h13M12 5.5l6.5 6.5L12 18.5")) span { "Send" } }
            p #error .error role="alert" data-text="$error" {}
        }
    }
}

fn on_their_way(bank: &Bank) -> Markup {
    html! {
        section .card.moves aria-label="On its way" {
            h2 { "On its way" }
            ul #outgoing {
                @for (number, transfer) in &bank.outgoing { (outgoing(*number, transfer)) }
            }
        }
    }
}

fn outgoing(number: u64, transfer: &Transfer) -> Markup {
    html! {
        li id={ "transfer-" (number) } {
            span { (transfer.told()) @if let Some(trouble) = &transfer.trouble { small .trouble { (trouble) } } }
            (time(transfer.at_ms))
        }
    }
}

fn movements<'a>(movements: impl IntoIterator<Item = &'a Movement>) -> Markup {
    let movements: Vec<_> = movements.into_iter().collect();
    html! {
        section .card.moves aria-label="Lately" {
            h2 { "Lately" }
            @if movements.is_empty() { p .empty { "Nothing has moved yet." } }
            ul #movements { @for moved in movements { li { span { (moved.what) } (time(moved.at_ms)) } } }
        }
    }
}

/// Where the person is it is another hour than where the bank is.
fn time(at_ms: u64) -> Markup {
    let at = rfc3339(at_ms);
    html! {
        time datetime=(at) data-text="new Date(el.dateTime).toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'})" {
            (at[11..16]) " UTC"
        }
    }
}
