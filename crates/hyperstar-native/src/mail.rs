//! What the kernel wants remembered of a process, in the store.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyperstar_kernel::{Key as RequestKey, KeyEntry, Memory, Name, NoteId, OutboxEntry, Record};
use hyperstar_process::abi::{CallError, Response};
use hyperstar_store::{Key, Store, StoreError, Transaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::convert::{self, Payload};
use crate::place::Place;

/// Writes a record as part of a commit.
///
/// # Errors
/// [`MailError`]; nothing is written then.
pub(crate) fn write(
    tx: &mut Transaction,
    place: &Place,
    record: &Record<Payload, Response>,
) -> Result<(), MailError> {
    let mail = place.mail();
    for (sender, number) in &record.seen {
        tx.set(&seen(&mail, sender), number)?;
    }
    for sender in &record.seen_forgotten {
        tx.remove(&seen(&mail, sender))?;
    }
    for key in &record.keys_started {
        let order = tx.base().as_u64();
        let head = Known {
            key: key.to_string(),
            order,
            outcome: None,
        };
        tx.set_bytes(&known(&mail, key), framed(&head, &[])?)?;
    }
    for (key, result) in &record.keys_finished {
        let path = known(&mail, key);
        let order = match tx.get_bytes(&path)? {
            Some(kept) => parsed::<Known>(&path, &kept)?.0.order,
            None => tx.base().as_u64(),
        };
        let (outcome, body): (_, &[u8]) = match result {
            Ok(response) => {
                let head = Response {
                    body: Vec::new(),
                    ..response.clone()
                };
                (Ok(head), &response.body)
            }
            Err(error) => (Err(convert::call_error(error.clone(), "")), &[]),
        };
        let head = Known {
            key: key.to_string(),
            order,
            outcome: Some(outcome),
        };
        tx.set_bytes(&path, framed(&head, body)?)?;
    }
    for key in &record.keys_forgotten {
        tx.remove(&known(&mail, key))?;
    }
    for entry in &record.outbox_added {
        let head = Waiting {
            id: entry.id.0,
            to: entry.to.to_string(),
            handler: entry.handler.to_string(),
        };
        let value = framed(&head, &entry.payload.body)?;
        tx.set_bytes(&out(&mail, entry.sequence), value)?;
    }
    for sequence in &record.outbox_removed {
        tx.remove(&out(&mail, *sequence))?;
    }
    Ok(())
}

/// What is remembered of a process.
///
/// # Errors
/// [`MailError`].
pub(crate) fn read(store: &Store, place: &Place) -> Result<Memory<Payload, Response>, MailError> {
    let mail = place.mail();
    let snapshot = store.snapshot();
    let mut memory = Memory::default();
    for (path, number) in snapshot.entries::<u64>(&format!("{mail}/seen"))? {
        if let Some(sender) = last(&path).and_then(String::decode) {
            memory.seen.push((sender.into(), number));
        }
    }
    let mut keys = Vec::new();
    for path in snapshot.list(&format!("{mail}/keys"))? {
        let Some(kept) = snapshot.get_bytes(&path)? else {
            continue;
        };
        let (head, body) = parsed::<Known>(&path, &kept)?;
        let outcome = head.outcome.map(|outcome| match outcome {
            Ok(response) => Ok(Response {
                body: body.to_vec(),
                ..response
            }),
            Err(error) => Err(convert::kernel_error(error)),
        });
        keys.push((head.order, RequestKey::from(head.key), outcome));
    }
    keys.sort_by_key(|(order, ..)| *order);
    memory.keys = keys
        .into_iter()
        .map(|(_, key, outcome)| KeyEntry {
            key,
            weight_bytes: outcome.as_ref().map_or(0, convert::weight_of),
            outcome,
        })
        .collect();
    for path in snapshot.list(&format!("{mail}/out"))? {
        let Some(sequence) = last(&path).and_then(u64::decode) else {
            continue;
        };
        let Some(kept) = snapshot.get_bytes(&path)? else {
            continue;
        };
        let (head, body) = parsed::<Waiting>(&path, &kept)?;
        let payload = Payload {
            origin: None,
            body: body.to_vec(),
        };
        memory.outbox.push(OutboxEntry {
            sequence,
            id: NoteId(head.id),
            to: head.to.into(),
            handler: head.handler.into(),
            weight_bytes: payload.weight(),
            payload,
        });
    }
    Ok(memory)
}

#[derive(Serialize, Deserialize)]
struct Known {
    key: String,
    /// Grows from one commit to the next: the oldest are forgotten first.
    order: u64,
    outcome: Option<Result<Response, CallError>>,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    id: u64,
    to: String,
    handler: String,
}

fn seen(mail: &str, sender: &Name) -> String {
    format!("{mail}/seen/{}", String::encode(sender))
}

fn known(mail: &str, key: &Arc<str>) -> String {
    // A key is longer than a segment may be, once what cannot be in one is written otherwise.
    let digest = Sha256::digest(key.as_bytes());
    format!("{mail}/keys/{}", URL_SAFE_NO_PAD.encode(&digest[..16]))
}

fn out(mail: &str, sequence: u64) -> String {
    format!("{mail}/out/{}", u64::encode(sequence))
}

fn last(path: &str) -> Option<&str> {
    path.rsplit('/').next()
}

/// A line of JSON, and bytes as they are.
fn framed(head: &impl Serialize, body: &[u8]) -> Result<Bytes, MailError> {
    let mut bytes = serde_json::to_vec(head).map_err(|error| MailError::Damaged {
        path: String::new(),
        reason: error.to_string(),
    })?;
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    Ok(bytes.into())
}

fn parsed<'a, T: DeserializeOwned>(
    path: &str,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), MailError> {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let head = serde_json::from_slice(&bytes[..end]).map_err(|error| MailError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok((head, bytes.get(end + 1..).unwrap_or_default()))
}

/// Why what the kernel wants remembered cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is there was not written by this version of Hyperstar.
    #[error(
        "the record at `{path}` cannot be read: {reason}; `hyperstar store verify` checks the file"
    )]
    Damaged {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}
