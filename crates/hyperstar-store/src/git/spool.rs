//! Where the blobs of a stream wait until a commit names them.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

/// What waits in memory, in bytes. What is more goes into a file.
#[cfg(feature = "redb")]
const MEMORY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Memory at first, and from [`MEMORY_BYTES_MAX`] on a file that nobody else can open, gone at the end
/// however that comes. Without the feature `redb`, which lets a store touch files, it stays memory.
#[derive(Debug)]
pub(super) enum Spool {
    Memory {
        bytes: Cursor<Vec<u8>>,
        #[cfg(feature = "redb")]
        directory: std::path::PathBuf,
    },
    #[cfg(feature = "redb")]
    File(file::Temporary),
}

impl Spool {
    #[cfg(feature = "redb")]
    pub(super) fn new(directory: Option<std::path::PathBuf>) -> Self {
        Self::Memory {
            bytes: Cursor::default(),
            directory: directory.unwrap_or_else(std::env::temp_dir),
        }
    }

    #[cfg(not(feature = "redb"))]
    pub(super) fn new() -> Self {
        Self::Memory {
            bytes: Cursor::default(),
        }
    }

    #[cfg(feature = "redb")]
    fn make_room(&mut self, more: usize) -> io::Result<()> {
        let Self::Memory { bytes, directory } = self else {
            return Ok(());
        };
        let position = bytes.position();
        if position + more as u64 <= MEMORY_BYTES_MAX {
            return Ok(());
        }
        let mut file = file::Temporary::new(directory)?;
        file.file.write_all(bytes.get_ref())?;
        file.file.seek(SeekFrom::Start(position))?;
        *self = Self::File(file);
        Ok(())
    }
}

impl Read for Spool {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory { bytes, .. } => bytes.read(out),
            #[cfg(feature = "redb")]
            Self::File(file) => file.file.read(out),
        }
    }
}

impl Write for Spool {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "redb")]
        self.make_room(more.len())?;
        match self {
            Self::Memory { bytes, .. } => bytes.write(more),
            #[cfg(feature = "redb")]
            Self::File(file) => file.file.write(more),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory { bytes, .. } => bytes.seek(to),
            #[cfg(feature = "redb")]
            Self::File(file) => file.file.seek(to),
        }
    }
}

#[cfg(feature = "redb")]
mod file {
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A file without a name, or where the system needs one, one that is removed at the end.
    #[derive(Debug)]
    pub(in crate::git) struct Temporary {
        pub(super) file: File,
        path: Option<PathBuf>,
    }

    impl Temporary {
        pub(super) fn new(directory: &Path) -> io::Result<Self> {
            const TRIES: u64 = 1000;
            static NEXT: AtomicU64 = AtomicU64::new(0);
            let mut options = OpenOptions::new();
            // Not one that somebody else has put there.
            options.read(true).write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut tries = 0;
            loop {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let name = format!("hyperstar-import-{}-{number}", std::process::id());
                let path = directory.join(name);
                match options.open(&path) {
                    Ok(file) => {
                        let is_removed = cfg!(unix) && fs::remove_file(&path).is_ok();
                        let path = (!is_removed).then_some(path);
                        return Ok(Self { file, path });
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => tries += 1,
                    Err(error) => return Err(error),
                }
                if tries == TRIES {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
            }
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            if let Some(path) = &self.path {
                // Nothing is lost if it stays: the system clears its temporary directory.
                let _ = fs::remove_file(path);
            }
        }
    }
}

#[cfg(all(test, feature = "redb"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_for_memory_goes_into_a_file_that_is_gone_after() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(Some(directory.path().to_owned()));
        let piece: Vec<u8> = (0..=255).cycle().take(1_000_003).collect();
        for _ in 0..20 {
            spool.write_all(&piece).unwrap();
        }
        assert!(matches!(spool, Spool::File(_)));
        for index in [0, 7, 19] {
            let mut found = vec![0; piece.len()];
            spool
                .seek(SeekFrom::Start(index * piece.len() as u64))
                .unwrap();
            spool.read_exact(&mut found).unwrap();
            assert!(found == piece);
        }
        drop(spool);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);

        let mut nowhere = Spool::new(Some(directory.path().join("none")));
        nowhere.write_all(&piece).unwrap();
        assert!((0..20).any(|_| nowhere.write_all(&piece).is_err()));
    }
}
