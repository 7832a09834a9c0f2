//! Where a store lives between opens: memory, a backend that fails, a file, a disk that loses power.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::{fs, thread};

use hyperstar_store::{RedbBackend, Store, StoreConfig, StoreError};

use crate::power::crash::cut;
use crate::power::disk::{Disk, Fault as DiskFault};
use crate::power::image::Image;
use crate::support::{Fault, Flaky, Random};

/// How a store comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is dropped.
    Close,
    /// The power fails, or the process is killed.
    Crash,
}

pub(super) trait World {
    fn open(&mut self, config: StoreConfig, random: &mut Random) -> Result<Store, StoreError>;

    /// Before an operation: may arrange that it fails.
    fn arm(&mut self, _random: &mut Random) {}

    /// Answers whether all is there that could be read.
    fn end(&mut self, store: Store, end: End, random: &mut Random) -> bool;

    /// How many operations of the storage failed.
    fn faults(&self) -> u64 {
        0
    }

    /// Whether a read may fail.
    fn loses_reads(&self) -> bool {
        false
    }

    /// Whether nothing works any more.
    fn is_dead(&self) -> bool {
        false
    }
}

/// A backend in memory.
pub(super) struct FlakyWorld {
    backend: Flaky,
    fails: bool,
}

impl FlakyWorld {
    pub(super) fn sound() -> Self {
        Self {
            backend: Flaky::default(),
            fails: false,
        }
    }

    /// With a journal in two of three seeds, which is full soon in one of them.
    pub(super) fn failing(seed: u64) -> Self {
        let backend = match seed % 3 {
            0 => Flaky::default(),
            1 => Flaky::with_journal(4),
            _ => Flaky::with_journal(64),
        };
        Self {
            backend,
            fails: true,
        }
    }

    fn fault(random: &mut Random) -> Fault {
        match random.below(5) {
            0 | 1 => Fault::Before,
            2 => Fault::InDoubtBefore,
            3 => Fault::InDoubtAfter,
            _ => Fault::Panic,
        }
    }
}

impl World for FlakyWorld {
    fn open(&mut self, config: StoreConfig, random: &mut Random) -> Result<Store, StoreError> {
        let fault = match self.fails && random.chance(4) {
            true => Self::fault(random),
            false => Fault::None,
        };
        // To look, to read the journal, to make the commits in it again.
        self.backend.fail(random.below(3), fault);
        let opened = catch_unwind(AssertUnwindSafe(|| {
            Store::with(self.backend.clone(), config)
        }));
        self.backend.fail(0, Fault::None);
        match opened {
            Ok(Ok(store)) => Ok(store),
            Ok(Err(error)) => {
                self.backend.end();
                Err(error)
            }
            Err(_) => {
                self.backend.end();
                Err(StoreError::Backend(hyperstar_store::BackendError::new(
                    "the backend panicked",
                )))
            }
        }
    }

    fn arm(&mut self, random: &mut Random) {
        if self.fails {
            let fault = match random.chance(6) {
                true => Self::fault(random),
                false => Fault::None,
            };
            self.backend.fail(random.below(3), fault);
        }
    }

    fn end(&mut self, store: Store, end: End, random: &mut Random) -> bool {
        if end == End::Crash {
            self.backend.crash(random);
            drop(store);
            return false;
        }
        let fault = match self.fails && random.chance(4) {
            true => Fault::InDoubtBefore,
            false => Fault::None,
        };
        self.backend.fail(0, fault);
        drop(store);
        while self.backend.is_open() {
            thread::yield_now();
        }
        self.backend.end();
        true
    }

    fn faults(&self) -> u64 {
        self.backend.faults()
    }
}

/// A real file.
pub(super) struct FileWorld {
    directory: tempfile::TempDir,
    lives: u64,
}

impl FileWorld {
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            lives: 0,
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join(format!("{}.store", self.lives))
    }
}

impl World for FileWorld {
    fn open(&mut self, config: StoreConfig, _random: &mut Random) -> Result<Store, StoreError> {
        loop {
            // Whoever made the last commit durable may have the store open still.
            match Store::open_with(self.file(), config.clone()) {
                Err(StoreError::Locked { .. }) => thread::yield_now(),
                opened => return opened,
            }
        }
    }

    /// A killed process leaves what it has written so far.
    fn end(&mut self, store: Store, end: End, _random: &mut Random) -> bool {
        if end == End::Crash {
            let former = self.file();
            self.lives += 1;
            fs::copy(&former, self.file()).unwrap();
            drop(store);
            fs::remove_file(former).unwrap();
        }
        end == End::Close
    }
}

/// A disk that keeps what was synced, and of the rest what it likes.
pub(super) struct DiskWorld {
    image: Image,
    disk: Option<Disk>,
    faults: u64,
}

impl DiskWorld {
    pub(super) fn new() -> Self {
        Self {
            image: Image::default(),
            disk: None,
            faults: 0,
        }
    }
}

impl World for DiskWorld {
    fn open(&mut self, config: StoreConfig, random: &mut Random) -> Result<Store, StoreError> {
        // The power may fail again while the store opens and repairs itself.
        let operations_max = match random.below(4) {
            0 => 60,
            _ => 30_000,
        };
        let fault = DiskFault {
            after: random.below(operations_max),
            lasts: true,
        };
        let disk = Disk::with_fault(self.image.clone(), fault);
        let backend = RedbBackend::with_storage("disk", disk.clone());
        let opened = backend.and_then(|backend| Store::with(backend, config));
        match opened.is_ok() {
            true => self.disk = Some(disk),
            false => {
                self.faults += 1;
                self.image = cut(&disk, random);
            }
        }
        opened
    }

    fn end(&mut self, store: Store, end: End, random: &mut Random) -> bool {
        let Some(disk) = self.disk.take() else {
            return false;
        };
        if end == End::Crash {
            self.faults += u64::from(disk.has_failed());
            self.image = cut(&disk, random);
            drop(store);
            return false;
        }
        drop(store);
        while disk.is_open() {
            thread::yield_now();
        }
        let has_failed = disk.has_failed();
        self.faults += u64::from(has_failed);
        self.image = cut(&disk, random);
        !has_failed
    }

    fn faults(&self) -> u64 {
        self.faults
    }

    fn loses_reads(&self) -> bool {
        true
    }

    fn is_dead(&self) -> bool {
        self.disk.as_ref().is_none_or(Disk::has_failed)
    }
}
