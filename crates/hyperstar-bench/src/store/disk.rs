//! What is below all subjects: the disk, its filesystem, and what it is asked to write.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::figures::ms;

/// What a filesystem writes at least.
const BLOCK_BYTES: usize = 4096;

/// The filesystem that a path is on, in words.
pub(crate) fn filesystem(path: &Path) -> Result<String> {
    let path = path.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("cannot read mounts")?;
    // "36 35 98:0 / /mount/point rw,noatime master:1 - ext4 /dev/root rw"
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let (mount, source) = line.split_once(" - ")?;
            let point = mount.split(' ').nth(4)?;
            let mut source = source.split(' ');
            Some((point, source.next()?, source.next()?))
        })
        .filter(|(point, ..)| path.starts_with(point))
        .max_by_key(|(point, ..)| point.len());
    let (point, kind, source) = mount.context("the directory is on no mount")?;
    let warning = match kind {
        "tmpfs" | "ramfs" => {
            "; **this is memory: what durable writes cost cannot be seen, name a directory on a disk with `--directory`**"
        }
        _ => "",
    };
    Ok(format!("{kind} on {source}, mounted at {point}{warning}"))
}

/// What the files below a directory take of the disk: their blocks, not their lengths.
pub(crate) fn bytes_of(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // In units of 512 bytes, whatever the filesystem's own.
        bytes += metadata.blocks() * 512;
        if metadata.is_dir() {
            bytes += bytes_of(&entry.path())?;
        }
    }
    Ok(bytes)
}

/// What this process has had written to disks so far, in bytes.
pub(crate) fn bytes_written() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/io").context("cannot read /proc/self/io")?;
    let field = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    field
        .and_then(|bytes| bytes.parse().ok())
        .context("/proc/self/io tells no write_bytes")
}

/// A file of blocks that are synced one by one: nothing durable is cheaper.
pub(crate) struct BareFile {
    file: File,
    block: [u8; BLOCK_BYTES],
}

impl BareFile {
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let mut file = File::create(directory.join("bare"))?;
        let block = [0x5a; BLOCK_BYTES];
        file.write_all(&block)?;
        file.sync_all()?;
        Ok(Self { file, block })
    }

    /// How long appending a block and `fdatasync` take, in milliseconds.
    pub(crate) fn append(&mut self) -> Result<f64> {
        let began = Instant::now();
        self.file.write_all(&self.block)?;
        self.file.sync_data()?;
        Ok(ms(began.elapsed()))
    }

    /// The same for a block that is there already: the file's length need not be written.
    pub(crate) fn overwrite(&mut self) -> Result<f64> {
        let began = Instant::now();
        self.file.write_all_at(&self.block, 0)?;
        self.file.sync_data()?;
        Ok(ms(began.elapsed()))
    }
}

/// Copies a directory of files and directories.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}
