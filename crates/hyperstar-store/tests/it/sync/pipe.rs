//! Sessions without a connection, and streams that count or break.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyperstar_store::sync::{Next, Session, SyncError, SyncOptions, Synced};
use hyperstar_store::{Bytes, Store};

pub(crate) fn options(peer: &str) -> SyncOptions {
    SyncOptions {
        peer: peer.to_owned(),
        ..SyncOptions::default()
    }
}

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passing {
    pub(crate) index: usize,
    pub(crate) to_leader: bool,
}

/// Passes the messages of a sync by hand. `pass` may change each, or lose it: then the connection is cut.
/// What either side failed with comes back, with what both came to.
pub(crate) fn exchange(
    leader: &Store,
    server: &Store,
    options: [&SyncOptions; 2],
    mut pass: impl FnMut(Passing, Bytes) -> Option<Bytes>,
) -> Result<[Synced; 2], SyncError> {
    let (mut leads, first) = Session::lead(leader, options[0])?;
    let mut serves = Session::serve(server, options[1])?;
    let mut message = Some(first);
    let mut to_leader = false;
    let mut index = 0;
    while let Some(sent) = message.take() {
        let cut = || SyncError::Io(io::ErrorKind::ConnectionReset.into());
        let passed = pass(Passing { index, to_leader }, sent).ok_or_else(cut)?;
        let receiver = if to_leader { &mut leads } else { &mut serves };
        message = match receiver.receive(passed)? {
            Next::Send(next) => Some(next),
            Next::End(last) => last,
        };
        to_leader = !to_leader;
        index += 1;
    }
    Ok([leads.synced().clone(), serves.synced().clone()])
}

/// A whole sync.
pub(crate) fn sync(leader: &Store, server: &Store) -> [Synced; 2] {
    sync_as(leader, server, [&options("server"), &options("client")])
}

pub(crate) fn sync_as(leader: &Store, server: &Store, options: [&SyncOptions; 2]) -> [Synced; 2] {
    exchange(leader, server, options, |_, message| Some(message)).unwrap()
}

/// A stream that counts what goes through it, both ways, and breaks when it was too much.
pub(crate) struct Metered<S> {
    stream: S,
    pub(crate) bytes: Arc<AtomicU64>,
    bytes_max: u64,
}

impl<S> Metered<S> {
    pub(crate) fn new(stream: S, bytes_max: u64) -> Self {
        Self {
            stream,
            bytes: Arc::default(),
            bytes_max,
        }
    }

    fn spend(&self, bytes: usize) -> io::Result<usize> {
        let left = self
            .bytes_max
            .saturating_sub(self.bytes.load(Ordering::SeqCst));
        match left.min(bytes as u64) {
            0 if bytes > 0 => Err(io::ErrorKind::ConnectionReset.into()),
            left => Ok(left as usize),
        }
    }
}

impl<S: Read> Read for Metered<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.spend(buffer.len())?;
        let read = self.stream.read(&mut buffer[..room])?;
        self.bytes.fetch_add(read as u64, Ordering::SeqCst);
        Ok(read)
    }
}

impl<S: Write> Write for Metered<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let room = self.spend(buffer.len())?;
        let written = self.stream.write(&buffer[..room])?;
        self.bytes.fetch_add(written as u64, Ordering::SeqCst);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
