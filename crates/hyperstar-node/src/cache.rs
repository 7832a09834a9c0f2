//! Compiled components on disk, by the hash of what they were compiled from.
//!
//! Compiled code is run as it is, so that whoever can write to the folder can do what the program can:
//! the folder must be the owner's alone. A hash over each file finds damage; a damaged file is as good as
//! none.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

/// What a file begins with, followed by the hash of its key and of the rest.
const MAGIC: &[u8; 16] = b"hyperstar-code-1";
const HEAD_BYTES: usize = MAGIC.len() + 32;
/// A larger file was not written by us.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Others could write into it, or see what is in it.
    #[error(
        "the folder of compiled components `{folder}` {why}; compiled code is run as it is, so that the \
         folder must be yours alone: `chmod 700`, or take another one"
    )]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It cannot be made or read.
    #[error("the folder of compiled components `{folder}` cannot be used")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A folder of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    engine_hash: [u8; 32],
    bytes_max: u64,
}

impl Cache {
    pub(crate) fn open(
        folder: PathBuf,
        engine_hash: [u8; 32],
        bytes_max: u64,
    ) -> Result<Self, CacheError> {
        let made = make_private(&folder);
        made.map_err(|source| CacheError::Folder {
            folder: folder.clone(),
            source,
        })?;
        let cache = Self {
            folder,
            engine_hash,
            bytes_max,
        };
        cache.check_private()?;
        Ok(cache)
    }

    /// The compiled component, if it is there, whole, and fits the engine.
    pub(crate) fn get(
        &self,
        engine: &wasmtime::Engine,
        content_hash: &[u8; 32],
    ) -> Option<Component> {
        if let Err(error) = self.check_private() {
            tracing::warn!(%error, "the cache is passed over");
            return None;
        }
        let key = self.key(content_hash);
        let code = read(&self.path(&key), &key)?;
        // SAFETY: the code was made by `Component::serialize` of an engine whose compatibility hash is
        // part of the file's name. It comes whole from a folder that only the owner of this program can
        // write to, and its own hash has just been checked. Wasmtime checks its version and settings
        // again.
        #[allow(unsafe_code)]
        let compiled = unsafe { Component::deserialize(engine, &code) };
        match compiled {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                tracing::debug!(%error, "a compiled component does not fit; it is compiled anew");
                None
            }
        }
    }

    /// Keeps a compiled component. What fails is logged: the next load compiles again.
    pub(crate) fn put(&self, content_hash: &[u8; 32], compiled: &Component) {
        let code = match compiled.serialize() {
            Ok(code) => code,
            Err(error) => {
                tracing::warn!(%error, "a compiled component cannot be kept");
                return;
            }
        };
        if let Err(error) = self.write(&self.key(content_hash), &code) {
            let folder = self.folder.display();
            tracing::warn!(%error, %folder, "a compiled component is not kept");
            return;
        }
        if let Err(error) = self.trim() {
            tracing::debug!(%error, "the cache was not trimmed");
        }
    }

    /// What the code depends on: its source, the compiler and its settings.
    fn key(&self, content_hash: &[u8; 32]) -> [u8; 32] {
        let mut key = Sha256::new();
        key.update(self.engine_hash);
        key.update(content_hash);
        key.finalize().into()
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}.code", hex(key)))
    }

    /// Under its name a file is whole or absent; after a power cut it may be damaged, which is noticed.
    fn write(&self, key: &[u8; 32], code: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&digest(key, code))?;
        file.write_all(code)?;
        let persisted = file.persist(self.path(key));
        persisted.map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes what was unused longest until the rest fits.
    fn trim(&self) -> std::io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            let is_ours = path
                .extension()
                .is_some_and(|extension| extension == "code");
            if is_ours && let Ok(metadata) = entry.metadata() {
                files.push((metadata.modified()?, metadata.len(), path));
            }
        }
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort();
        for (_, bytes, path) in files {
            if total <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            total -= bytes;
        }
        Ok(())
    }

    fn check_private(&self) -> Result<(), CacheError> {
        let metadata = fs::symlink_metadata(&self.folder);
        let metadata = metadata.map_err(|source| CacheError::Folder {
            folder: self.folder.clone(),
            source,
        })?;
        let wrong = |why| CacheError::NotPrivate {
            folder: self.folder.clone(),
            why,
        };
        if !metadata.is_dir() {
            return Err(wrong("is not a folder"));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if metadata.uid() != rustix::process::geteuid().as_raw() {
                return Err(wrong("belongs to someone else"));
            }
            if metadata.mode() & 0o077 != 0 {
                return Err(wrong("is open to others"));
            }
        }
        Ok(())
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The code in a file, if its hash is right. Marks the file as used.
fn read(path: &Path, key: &[u8; 32]) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    if file.metadata().ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    if bytes.len() < HEAD_BYTES || !bytes.starts_with(MAGIC) {
        return None;
    }
    let code = bytes.split_off(HEAD_BYTES);
    if digest(key, &code)[..] != bytes[MAGIC.len()..] {
        let file = path.display();
        tracing::warn!(%file, "a compiled component is damaged; it is compiled anew");
        return None;
    }
    // Only the order of trimming depends on it.
    let _ = file.set_modified(SystemTime::now());
    Some(code)
}

/// Of a file's code and of what it claims to be compiled from.
fn digest(key: &[u8; 32], code: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(key);
    digest.update(code);
    digest.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
