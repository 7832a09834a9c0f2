//! Files, with errors that name them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::BuildError;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| failed(path, source))
}

pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, BuildError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(path, source)),
    }
}

/// Leaves a file alone that is as it should be: cargo goes by times. Says whether it wrote.
pub(crate) fn write_if_differs(path: &Path, bytes: &[u8]) -> Result<bool, BuildError> {
    if read_if_there(path)?.is_some_and(|there| there == bytes) {
        return Ok(false);
    }
    write(path, bytes).map_err(|source| failed(path, source))?;
    Ok(true)
}

/// Whole, or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    // As any file that a program writes: others may read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Keeps other builds out of a folder, which is made if it is not there, until the file is dropped. `waiting` is
/// called if another one is in there.
pub(crate) fn lock(folder: &Path, waiting: impl FnOnce()) -> Result<File, BuildError> {
    fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    let path = folder.join(".hyperstar-lock");
    let locked = File::create(&path).and_then(|file| match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock().map(|()| file)
        }
        Err(TryLockError::Error(error)) => Err(error),
    });
    locked.map_err(|source| failed(&path, source))
}

pub(crate) fn absolute(path: &Path) -> Result<PathBuf, BuildError> {
    std::path::absolute(path).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> BuildError {
    BuildError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn who_has_to_wait_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path(), || panic!("nobody else is there")).unwrap();
        let (waits, is_waiting) = mpsc::channel();
        thread::scope(|scope| {
            let second = scope.spawn(|| lock(folder.path(), || waits.send(()).unwrap()));
            is_waiting.recv().unwrap();
            drop(held);
            second.join().unwrap().unwrap();
        });
    }
}
