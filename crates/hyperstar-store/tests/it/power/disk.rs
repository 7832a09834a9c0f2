//! A disk that writes down what is done to it, and fails when told to.

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{BackendError as LockError, StorageBackend};

use super::image::Image;

/// Cloning copies a pointer; all clones are one disk, which outlives the store on it.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<DiskState>>);

struct DiskState {
    start: Image,
    current: Image,
    trace: Vec<Event>,
    /// Calls so far, of every kind.
    operations: u64,
    fault: Option<Fault>,
}

/// Which operations fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// How many operations succeed before.
    pub(crate) after: u64,
    /// Whether all others fail, too; else that one only.
    pub(crate) lasts: bool,
}

/// What happened, in order.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Change(Change),
    /// All changes before are on the disk for good.
    Synced,
    /// The commit that leads to this state was called.
    Begun(usize),
    /// And it returned `Ok`.
    Acknowledged(usize),
    /// A sync failed. As on Linux, what was not synced can still be read, but is not on the disk,
    /// and no later sync puts it there.
    Lost,
}

#[derive(Clone)]
pub(crate) enum Change {
    Write { offset: usize, data: Arc<[u8]> },
    Resize { size_bytes: usize },
}

impl Change {
    pub(crate) fn apply(&self, image: &mut Image) {
        match self {
            Self::Write { offset, data } => image.write(*offset, data),
            Self::Resize { size_bytes } => image.resize(*size_bytes),
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { offset, data } => write!(f, "write {} at {offset}", data.len()),
            Self::Resize { size_bytes } => write!(f, "resize to {size_bytes}"),
        }
    }
}

impl Disk {
    pub(crate) fn new(image: Image) -> Self {
        Self(Arc::new(Mutex::new(DiskState {
            start: image.clone(),
            current: image,
            trace: Vec::new(),
            operations: 0,
            fault: None,
        })))
    }

    pub(crate) fn with_fault(image: Image, fault: Fault) -> Self {
        let disk = Self::new(image);
        disk.state().fault = Some(fault);
        disk
    }

    /// From now on nothing works: the store on it closes without a word, and at once.
    pub(crate) fn kill(&self) {
        self.state().fault = Some(Fault {
            after: 0,
            lasts: true,
        });
    }

    pub(crate) fn begin(&self, state: usize) {
        self.state().trace.push(Event::Begun(state));
    }

    pub(crate) fn acknowledge(&self, state: usize) {
        self.state().trace.push(Event::Acknowledged(state));
    }

    /// Whether an operation has failed.
    pub(crate) fn has_failed(&self) -> bool {
        let state = self.state();
        state
            .fault
            .is_some_and(|fault| state.operations > fault.after)
    }

    /// Whether a store is open on it.
    pub(crate) fn is_open(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// What the disk was at first, and what happened since.
    pub(crate) fn trace(&self) -> (Image, Vec<Event>) {
        let state = self.state();
        (state.start.clone(), state.trace.clone())
    }

    fn state(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap()
    }
}

impl DiskState {
    fn change(&mut self, change: Change) -> io::Result<()> {
        if self.will_fail()
            && let Change::Write { offset, data } = &change
        {
            // A write that fails may have got half of the way.
            let (offset, data) = (*offset, data[..data.len() / 2].into());
            self.record(Change::Write { offset, data });
        }
        self.operate()?;
        self.record(change);
        Ok(())
    }

    fn record(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.trace.push(Event::Change(change));
    }

    fn operate(&mut self) -> io::Result<()> {
        let fails = self.will_fail();
        self.operations += 1;
        if fails {
            return Err(io::Error::other("the disk fails, as the test asked"));
        }
        Ok(())
    }

    fn will_fail(&self) -> bool {
        self.fault.is_some_and(|fault| {
            self.operations == fault.after || (fault.lasts && self.operations > fault.after)
        })
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.state();
        state.operate()?;
        Ok(state.current.size_bytes() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if state.current.read(offset as usize, out) {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.state().change(Change::Resize {
            size_bytes: len as usize,
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        let synced = state.operate();
        state.trace.push(match synced {
            Ok(()) => Event::Synced,
            Err(_) => Event::Lost,
        });
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.state().change(Change::Write {
            offset: offset as usize,
            data: data.into(),
        })
    }

    fn try_lock_range(&self, _start: Bound<u64>, _end: Bound<u64>) -> Result<bool, LockError> {
        Ok(true)
    }

    fn unlock_range(&self, _start: Bound<u64>, _end: Bound<u64>) -> Result<(), LockError> {
        Ok(())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Disk")
            .field("size_bytes", &state.current.size_bytes())
            .field("operations", &state.operations)
            .finish_non_exhaustive()
    }
}
