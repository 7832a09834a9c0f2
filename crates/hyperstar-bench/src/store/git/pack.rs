//! Writes a pack and its index (version 2), each object whole, as `gitformat-pack` describes them. A
//! million loose objects would be a million files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use gix::ObjectId;
use gix::hash::{Hasher, hasher};
use gix::objs::Kind;

/// Offsets from here on would need a table of their own.
const PACK_BYTES_MAX: usize = 1 << 31;

/// The length of the pack's head: `PACK`, the version, and how many objects follow.
const HEAD_BYTES: usize = 12;

/// A pack that is being written.
pub(crate) struct Pack {
    directory: PathBuf,
    /// Everything after the head, which says how many objects there are.
    body: Vec<u8>,
    objects: Vec<Object>,
}

struct Object {
    id: ObjectId,
    crc: u32,
    at: u32,
}

impl Pack {
    /// Begins a pack in `directory`, in memory until it is finished.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        Ok(Self {
            directory: directory.to_owned(),
            body: Vec::new(),
            objects: Vec::new(),
        })
    }

    /// Adds an object that was not added before.
    pub(crate) fn add(&mut self, kind: Kind, data: &[u8]) -> Result<ObjectId> {
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, data)?;
        let start = self.body.len();
        ensure!(
            start < PACK_BYTES_MAX - HEAD_BYTES,
            "too many entries for one pack; give fewer"
        );
        self.body.extend(object_head(kind, data.len()));
        let mut encoder = ZlibEncoder::new(&mut self.body, Compression::default());
        encoder.write_all(data)?;
        encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(&self.body[start..]);
        self.objects.push(Object {
            id,
            crc: crc.sum(),
            at: u32::try_from(HEAD_BYTES + start)?,
        });
        Ok(id)
    }

    /// Writes the pack and its index, and syncs them.
    pub(crate) fn finish(mut self) -> Result<()> {
        let count = u32::try_from(self.objects.len())?.to_be_bytes();
        let mut pack = HashedFile::create(&self.directory.join("pack-entries.pack"))?;
        pack.write(b"PACK")?;
        pack.write(&2_u32.to_be_bytes())?;
        pack.write(&count)?;
        pack.write(&self.body)?;
        let checksum = pack.finish()?;

        self.objects.sort_unstable_by_key(|object| object.id);
        let mut index = HashedFile::create(&self.directory.join("pack-entries.idx"))?;
        index.write(b"\xfftOc")?;
        index.write(&2_u32.to_be_bytes())?;
        for first in 0..=u8::MAX {
            let upto = self
                .objects
                .partition_point(|object| object.id.first_byte() <= first);
            index.write(&u32::try_from(upto)?.to_be_bytes())?;
        }
        for object in &self.objects {
            index.write(object.id.as_bytes())?;
        }
        for object in &self.objects {
            index.write(&object.crc.to_be_bytes())?;
        }
        for object in &self.objects {
            index.write(&object.at.to_be_bytes())?;
        }
        index.write(checksum.as_bytes())?;
        index.finish()?;
        Ok(())
    }
}

/// The kind and the size: four bits of it, then seven a byte, the lowest first.
fn object_head(kind: Kind, size: usize) -> Vec<u8> {
    let kind = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    };
    let mut head = vec![kind << 4 | (size & 15) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        if let Some(last) = head.last_mut() {
            *last |= 0x80;
        }
        head.push((rest & 127) as u8);
        rest >>= 7;
    }
    head
}

/// A file that ends with the hash of what is before.
struct HashedFile {
    file: BufWriter<File>,
    hasher: Hasher,
}

impl HashedFile {
    fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            file: BufWriter::new(File::create(path)?),
            hasher: hasher(gix::hash::Kind::Sha1),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        Ok(())
    }

    fn finish(mut self) -> Result<ObjectId> {
        let checksum = self.hasher.try_finalize()?;
        self.file.write_all(checksum.as_bytes())?;
        self.file.into_inner()?.sync_all()?;
        Ok(checksum)
    }
}
