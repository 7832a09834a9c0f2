//! Reading a page that nobody asked for: what a fuzzer does.

use bytes::Bytes;

use super::page::{self, Encoder, Page};
use super::wire::with_room;
use super::{BlobRef, PageId, TreeRef, Value, blob};
use crate::hash::Hash;

/// Whether `hashed` is a page with these totals. Whatever is one has no other bytes.
pub(crate) fn probe(hashed: &[u8], count: u64, weight: u64) -> bool {
    let hash = Hash::of(hashed);
    let written = match hashed.first() {
        Some(&page::LIST) => list(hashed, hash, weight),
        _ => tree(hashed, hash, count, weight),
    };
    assert!(
        written.is_none_or(|written| written == hash),
        "a page was read that is written in another way"
    );
    written.is_some()
}

fn tree(hashed: &[u8], hash: Hash, count: u64, weight: u64) -> Option<Hash> {
    let tree = TreeRef {
        hash,
        id: PageId(0),
        count,
        weight,
    };
    let (room, _) = with_room(hashed).ok()?;
    let leaf = match page::decode(Bytes::from(room), &tree, 0).ok()? {
        Page::Inner(inner) => return Some(Encoder::default().inner(&inner).0),
        Page::Leaf(leaf) => leaf,
    };
    let blobs = leaf.blobs();
    let mut found: Vec<(Vec<u8>, Value)> = Vec::new();
    let mut entries = leaf.into_entries(Vec::new());
    while entries.advance().ok()? {
        found.push((entries.key().to_vec(), entries.to_value()));
    }
    let entries = found.iter().map(|(key, value)| (&**key, value.into()));
    Some(Encoder::default().leaf(found.len(), blobs, entries).0)
}

fn list(hashed: &[u8], hash: Hash, bytes: u64) -> Option<Hash> {
    let (room, _) = with_room(hashed).ok()?;
    let id = PageId(0);
    let blob = BlobRef { hash, bytes, id };
    let chunks = page::decode_list(&room, &blob, blob::CHUNK_BYTES_MAX).ok()?;
    Some(Encoder::default().list(&chunks).0)
}
