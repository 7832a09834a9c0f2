//! Values as they are kept: short ones in their leaf, longer ones as pages of their own.
//!
//! Up to [`RAW_BYTES_MAX`] a blob is one page, the value as it is. A longer one is cut where its
//! content says so (FastCDC), and a page lists the chunks: an edit in the middle of a large value
//! writes the chunks around it and the list, and keeps the rest.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use fastcdc::v2020::FastCDC;

use super::page::{Chunk, Encoder, damaged, load_list};
use super::{BlobRef, INLINE_BYTES_MAX, PageId, PageSource, TreeError, Value};
use crate::hash::Hash;

/// The longest blob that is one page, in bytes. It is also the longest chunk of a longer one.
pub(super) const RAW_BYTES_MAX: usize = 64 * 1024;

/// The bounds of a chunk, in bytes. Others would cut the same content in other places, and so give
/// it another hash.
pub(super) const CHUNK_BYTES_MIN: usize = 4 * 1024;
const CHUNK_BYTES_AVERAGE: usize = 16 * 1024;
pub(super) const CHUNK_BYTES_MAX: usize = RAW_BYTES_MAX;

/// Makes a [`Value`] of `bytes`, and returns the pages that are new with it, in the order of their
/// ids. They are to be written with the edit that puts the value in place of `before`.
///
/// The chunks that `before` had already keep their pages; if it is equal, it is returned.
///
/// `bytes` is at most [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX) long. `next` is the number of the
/// next page, and moves on only with `Ok`.
///
/// # Errors
/// [`TreeError`], if the list of the chunks of `before` cannot be read.
pub(crate) fn store(
    source: &dyn PageSource,
    bytes: &Bytes,
    before: Option<&Value>,
    next: &mut PageId,
) -> Result<(Value, Vec<(PageId, Bytes)>), TreeError> {
    if bytes.len() <= INLINE_BYTES_MAX {
        return Ok((Value::Inline(bytes.clone()), Vec::new()));
    }
    let before = match before {
        Some(Value::Blob(blob)) => Some(blob),
        _ => None,
    };
    let mut taken = *next;
    let mut written = Vec::new();
    let (hash, list) = if is_raw(bytes.len() as u64) {
        (Hash::of(bytes), bytes.clone())
    } else {
        let known = match before {
            Some(blob) if !is_raw(blob.bytes) => load_list(source, blob, CHUNK_BYTES_MAX)?,
            _ => Vec::new(),
        };
        let chunks = store_chunks(bytes, known, &mut taken, &mut written);
        Encoder::default().list(&chunks)
    };
    let mut blob = BlobRef {
        hash,
        bytes: bytes.len() as u64,
        id: taken,
    };
    match before {
        // Every chunk was known, so nothing was written for it.
        Some(before) if *before == blob => blob.id = before.id,
        _ => {
            blob.id = PageId::take(&mut taken);
            written.push((blob.id, list));
            *next = taken;
        }
    }
    Ok((Value::Blob(blob), written))
}

fn store_chunks(
    bytes: &Bytes,
    known: Vec<Chunk>,
    next: &mut PageId,
    written: &mut Vec<(PageId, Bytes)>,
) -> Vec<Chunk> {
    let known = known.into_iter().map(|chunk| (chunk.hash, chunk.id));
    // The pages of a value that repeats itself are written once.
    let mut ids: HashMap<Hash, PageId> = known.collect();
    let cuts = FastCDC::new(bytes, CHUNK_BYTES_MIN, CHUNK_BYTES_AVERAGE, CHUNK_BYTES_MAX);
    let chunks = cuts.map(|cut| {
        let page = bytes.slice(cut.offset..cut.offset + cut.length);
        let hash = Hash::of(&page);
        let bytes = page.len() as u64;
        let id = *ids.entry(hash).or_insert_with(|| {
            let id = PageId::take(next);
            written.push((id, page));
            id
        });
        Chunk { hash, bytes, id }
    });
    chunks.collect()
}

/// The bytes of `value`.
///
/// # Errors
/// [`TreeError`], if a page of it cannot be read, or is not what was written.
pub(crate) fn load(source: &dyn PageSource, value: &Value) -> Result<Bytes, TreeError> {
    let blob = match value {
        Value::Inline(bytes) => return Ok(bytes.clone()),
        Value::Blob(blob) => blob,
    };
    if is_raw(blob.bytes) {
        return load_raw(source, blob.id, &blob.hash, blob.bytes);
    }
    let chunks = load_list(source, blob, CHUNK_BYTES_MAX)?;
    let mut bytes = BytesMut::new();
    for chunk in chunks {
        let page = load_raw(source, chunk.id, &chunk.hash, chunk.bytes)?;
        if bytes.is_empty() {
            // Once there is a first chunk, the list is not just any that claims a great length.
            bytes.reserve(blob.bytes as usize); // at most `VALUE_BYTES_MAX`
        }
        bytes.extend_from_slice(&page);
    }
    Ok(bytes.freeze())
}

/// Reads a page that is a value, or a chunk of one, as it is.
pub(super) fn load_raw(
    source: &dyn PageSource,
    id: PageId,
    hash: &Hash,
    bytes: u64,
) -> Result<Bytes, TreeError> {
    let page = source.page(id)?;
    if page.len() as u64 != bytes || Hash::of(&page) != *hash {
        return Err(damaged(
            id,
            "it is not the part of a value that it should be",
        ));
    }
    Ok(page)
}

/// The chunks of a blob, each once, by their ids; none if it is one page.
pub(super) fn chunks(source: &dyn PageSource, blob: &BlobRef) -> Result<Vec<Chunk>, TreeError> {
    if is_raw(blob.bytes) {
        return Ok(Vec::new());
    }
    let mut chunks = load_list(source, blob, CHUNK_BYTES_MAX)?;
    chunks.sort_unstable_by_key(|chunk| chunk.id);
    chunks.dedup_by_key(|chunk| chunk.id);
    Ok(chunks)
}

/// The ids of all pages of a blob, sorted.
pub(super) fn page_ids(source: &dyn PageSource, blob: &BlobRef) -> Result<Vec<PageId>, TreeError> {
    let chunks = chunks(source, blob)?;
    let mut ids: Vec<PageId> = chunks.into_iter().map(|chunk| chunk.id).collect();
    // Chunks come before their list, but a damaged store may say otherwise.
    ids.push(blob.id);
    ids.sort_unstable();
    Ok(ids)
}

pub(super) fn is_raw(bytes: u64) -> bool {
    bytes <= RAW_BYTES_MAX as u64
}
