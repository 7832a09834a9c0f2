//! A node's folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A folder that one node lives in, for as long as this is held.
///
/// ```text
/// node.redb     the store: what processes keep, what is installed, what is granted
/// components/   components by the SHA-256 of their bytes
/// cache/        the same, compiled for this machine
/// node.sock     where the command line reaches the node
/// node.lock     held while the node runs
/// node.log      what it says, if the command line has started it
/// ```
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be lived in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Another node runs there.
    #[error("a node runs in {0} already; stop it, or choose another folder with `--home`")]
    Taken(String),
    /// It is somebody else's.
    #[error(
        "{0} is not empty, and no node has lived there; name a folder that is new, or empty, with `--home`"
    )]
    NotOurs(String),
    /// The system refused.
    #[error("the folder {path} cannot be used: {source}")]
    Io {
        /// The path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Home {
    /// Makes the folder if there is none, for its owner alone, and takes it.
    pub(crate) fn open(path: &Path) -> Result<Self, HomeError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| HomeError::Io { path, source }
        };
        if !is_ours(path).map_err(failed(path))? {
            return Err(HomeError::NotOurs(path.display().to_string()));
        }
        for folder in [path.to_owned(), path.join("components"), path.join("cache")] {
            make_private(&folder).map_err(failed(&folder))?;
        }
        let lock_path = lock_path(path);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(HomeError::Taken(path.display().to_string()));
            }
            Err(fs::TryLockError::Error(source)) => return Err(failed(&lock_path)(source)),
        }
        // What a node that was killed has left; its lock is gone with it.
        let socket = crate::control::socket_path(path);
        match fs::remove_file(&socket) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&socket)(source));
            }
            _ => {}
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path.join("node.redb")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// Keeps a component. It is on the disk, under the answered name, when this returns.
    pub(crate) fn keep(&self, bytes: &[u8]) -> io::Result<String> {
        let hash = hash_of(bytes);
        let path = self.component(&hash);
        if fs::read(&path).is_ok_and(|kept| kept == bytes) {
            return Ok(hash);
        }
        let partial = path.with_extension(format!("partial-{}", std::process::id()));
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        File::open(self.path.join("components"))?.sync_all()?;
        Ok(hash)
    }

    /// A component that was kept.
    ///
    /// # Errors
    /// It is not there, or its bytes are not those that it is named by.
    pub(crate) fn component_bytes(&self, hash: &str) -> io::Result<Vec<u8>> {
        let bytes = fs::read(self.component(hash))?;
        if hash_of(&bytes) != hash {
            let reason = format!("the component {hash} is damaged; install it anew");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(bytes)
    }

    /// Removes components that nobody names any longer.
    pub(crate) fn sweep(&self, is_named: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(self.path.join("components"))? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if !stem.is_some_and(&is_named) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn component(&self, hash: &str) -> PathBuf {
        self.path.join("components").join(format!("{hash}.wasm"))
    }
}

/// Whether a node lives in `home`, also one that cannot be reached: it may be starting, or ending.
pub fn is_inhabited(home: &Path) -> bool {
    let lock = File::open(lock_path(home));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
}

fn lock_path(home: &Path) -> PathBuf {
    home.join("node.lock")
}

fn hash_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a node may make a folder private: one that is not there yet, is empty but for the log of a node that is
/// being started, or is a node's.
fn is_ours(path: &Path) -> io::Result<bool> {
    let is_log =
        |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == "node.log");
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(lock_path(path).exists() || entries.all(is_log)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(source),
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if path.is_dir() {
        let mut permissions = fs::metadata(path)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o700);
            fs::set_permissions(path, permissions)?;
        }
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
