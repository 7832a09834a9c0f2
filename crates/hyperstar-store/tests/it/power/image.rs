//! The bytes of a disk. Copies share what they do not change, so that thousands of them are cheap.

use std::sync::Arc;

const BLOCK_BYTES: usize = 4096;

type Block = [u8; BLOCK_BYTES];

#[derive(Clone, Default)]
pub(crate) struct Image {
    /// `None` where nothing but zeros was written.
    blocks: Vec<Option<Arc<Block>>>,
    size_bytes: usize,
}

impl Image {
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Whether there was anything to read.
    pub(crate) fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        if offset + out.len() > self.size_bytes {
            return false;
        }
        let mut done = 0;
        while done < out.len() {
            let (block, start, bytes) = place(offset + done, out.len() - done);
            let part = &mut out[done..done + bytes];
            match &self.blocks[block] {
                Some(block) => part.copy_from_slice(&block[start..start + bytes]),
                None => part.fill(0),
            }
            done += bytes;
        }
        true
    }

    /// Writes past the end make the disk longer.
    pub(crate) fn write(&mut self, offset: usize, data: &[u8]) {
        if offset + data.len() > self.size_bytes {
            self.resize(offset + data.len());
        }
        let mut done = 0;
        while done < data.len() {
            let (block, start, bytes) = place(offset + done, data.len() - done);
            let block = self.blocks[block].get_or_insert_with(|| Arc::new([0; BLOCK_BYTES]));
            Arc::make_mut(block)[start..start + bytes].copy_from_slice(&data[done..done + bytes]);
            done += bytes;
        }
    }

    pub(crate) fn resize(&mut self, size_bytes: usize) {
        self.blocks.resize(size_bytes.div_ceil(BLOCK_BYTES), None);
        let kept = size_bytes % BLOCK_BYTES;
        if size_bytes < self.size_bytes
            && kept > 0
            && let Some(Some(last)) = self.blocks.last_mut()
        {
            Arc::make_mut(last)[kept..].fill(0);
        }
        self.size_bytes = size_bytes;
    }
}

/// The block that `offset` is in, where in it, and how many of `bytes` are in it.
fn place(offset: usize, bytes: usize) -> (usize, usize, usize) {
    let start = offset % BLOCK_BYTES;
    (offset / BLOCK_BYTES, start, bytes.min(BLOCK_BYTES - start))
}
