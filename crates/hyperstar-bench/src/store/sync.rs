//! Syncs between two stores on this machine, over TCP.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use hyperstar_store::sync::{SyncOptions, Synced};
use hyperstar_store::{Keep, Store, StoreError};

use super::data::{self, Random};
use super::ours;
use super::subject::{Files, Kind};
use super::{Plan, disk};
use crate::figures::{median, ms};
use crate::table::{Table, figure};

/// Entries that differ.
const CHANGES: usize = 10;
const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn report(plan: &Plan, files: &Files) -> Result<()> {
    let server = ours::open(&files.of(Kind::Hyperstar))?;
    // What it was filled with is one commit to whom it is new.
    server.compact(&Keep::last(1), |_| ())?;
    let directory = tempfile::tempdir_in(&files.directory)?;
    let client = ours::open(directory.path())?;
    let (cloned, trips, took_ms) = sync(&client, &server)?;
    let path = data::path(plan.entries - 1);
    ensure!(
        client.get_bytes(&path)? == server.get_bytes(&path)?,
        "the clone has no `{path}`"
    );
    let data_bytes = data_bytes(plan.entries);
    println!(
        "## Syncs of {} entries\n\nOver TCP on this machine, both stores in files. The paths and values of the entries are {} MiB.\n",
        plan.entries,
        figure(data_bytes / MIB)
    );
    let mut table = Table::new(&["what", "ms", "KiB received", "pages", "round trips"]);
    table.row([
        "a clone".to_owned(),
        figure(took_ms),
        figure(cloned.received.bytes as f64 / 1024.0),
        cloned.received.pages.to_string(),
        trips.to_string(),
    ]);
    let mut random = Random::new(6);
    let (mut times, mut bytes, mut pages, mut trips) = (vec![], vec![], vec![], 0);
    for _ in 0..plan.pairs {
        let writes = random.writes(plan.entries, CHANGES);
        server.transaction(|tx| {
            writes
                .iter()
                .try_for_each(|write| tx.set_bytes(&write.path, write.value.to_vec()))?;
            Ok::<_, StoreError>(())
        })?;
        let (synced, trips_now, took_ms) = sync(&client, &server)?;
        ensure!(synced.received.commits == 1, "a commit did not come");
        times.push(took_ms);
        bytes.push(synced.received.bytes as f64 / 1024.0);
        pages.push(synced.received.pages as f64);
        trips = trips_now;
    }
    table.row([
        format!("{CHANGES} changes"),
        figure(median(&times)),
        figure(median(&bytes)),
        figure(median(&pages)),
        trips.to_string(),
    ]);
    let (nothing, trips, took_ms) = sync(&client, &server)?;
    table.row([
        "nothing".to_owned(),
        figure(took_ms),
        figure(nothing.received.bytes as f64 / 1024.0),
        nothing.received.pages.to_string(),
        trips.to_string(),
    ]);
    println!(
        "{table}\nThe clone took {} bytes for a byte of the data, and {} MiB on the disk.\n",
        figure(cloned.received.bytes as f64 / data_bytes),
        figure(disk::bytes_of(directory.path())? as f64 / MIB)
    );
    Ok(())
}

fn data_bytes(entries: usize) -> f64 {
    let paths: usize = (0..entries).map(|number| data::path(number).len()).sum();
    (paths + entries * data::VALUE_BYTES) as f64
}

/// What came of it, how many round trips it took, and how many milliseconds.
fn sync(client: &Store, server: &Store) -> Result<(Synced, u64, f64)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept()?;
    for stream in [&stream, &accepted] {
        stream.set_nodelay(true)?;
    }
    let server = server.clone();
    let served = thread::spawn(move || server.serve_sync(accepted, &SyncOptions::default()));
    let mut trips = Trips { stream, count: 0 };
    let began = Instant::now();
    let synced = client.sync_with(&mut trips, &SyncOptions::default(), |_| ())?;
    let took_ms = ms(began.elapsed());
    served
        .join()
        .map_err(|_| anyhow!("the server panicked"))??;
    Ok((synced, trips.count, took_ms))
}

/// Counts what is sent: each message is one write, and waits for its answer.
struct Trips {
    stream: TcpStream,
    count: u64,
}

impl Read for Trips {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Trips {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.count += 1;
        self.stream.flush()
    }
}
