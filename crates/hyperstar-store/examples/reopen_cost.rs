//! What redb's quick-repair costs at each commit, and what it saves at opening: the figures in the
//! docs of `RedbBackend`.
//!
//! `cargo run --release -p hyperstar-store --example reopen_cost [directory]`

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

/// Pages in the order of writing, as a versioned store lays them.
const PAGES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("pages");
/// Values by path: each commit alters some anywhere.
const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");

const COMMITS: u64 = 1000;

#[derive(Clone, Copy, Debug)]
enum Mode {
    OnePhase,
    TwoPhase,
    QuickRepair,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    println!("{COMMITS} commits each; all files in the page cache");
    println!("commits before  mode         commit p10  p50       open closed  open killed  MB");
    for before in [1_000, 10_000, 100_000, 1_000_000] {
        for mode in [Mode::OnePhase, Mode::TwoPhase, Mode::QuickRepair] {
            measure(Path::new(&directory), before, mode)?;
        }
    }
    Ok(())
}

fn measure(directory: &Path, before: u64, mode: Mode) -> Result<(), Box<dyn Error>> {
    let file = directory.join("reopen-cost.redb");
    let killed = directory.join("reopen-cost-killed.redb");
    let db = Database::create(&file)?;
    for start in (0..before).step_by(10_000) {
        commit(&db, start..before.min(start + 10_000), mode)?;
    }
    let mut times = Vec::new();
    for number in before..before + COMMITS {
        let begin = Instant::now();
        commit(&db, number..number + 1, mode)?;
        times.push(begin.elapsed());
    }
    times.sort();
    // What a killed process leaves behind, written out so that opening it need not.
    fs::copy(&file, &killed)?;
    File::open(&killed)?.sync_all()?;
    drop(db);
    let size_mb = fs::metadata(&file)?.len() / 1_000_000;
    let open_closed = open(&file)?;
    let open_killed = open(&killed)?;
    println!(
        "{before:<15} {:<12} {:<11.1?} {:<9.1?} {open_closed:<12.1?} {open_killed:<12.1?} {size_mb}",
        format!("{mode:?}"),
        times[times.len() / 10],
        times[times.len() / 2],
    );
    fs::remove_file(&file)?;
    fs::remove_file(&killed)?;
    Ok(())
}

/// Three pages and two values a commit.
fn commit(db: &Database, numbers: std::ops::Range<u64>, mode: Mode) -> Result<(), Box<dyn Error>> {
    let mut transaction = db.begin_write()?;
    match mode {
        Mode::OnePhase => {}
        Mode::TwoPhase => transaction.set_two_phase_commit(true),
        Mode::QuickRepair => transaction.set_quick_repair(true),
    }
    {
        let mut pages = transaction.open_table(PAGES)?;
        let mut values = transaction.open_table(VALUES)?;
        for number in numbers {
            for page in 0..3 {
                pages.insert(number * 3 + page, &[number as u8; 300][..])?;
            }
            for value in 0..2_u64 {
                let spread = (number * 2 + value).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
                values.insert(format!("d/{spread}").as_str(), &[number as u8; 100][..])?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn open(file: &Path) -> Result<Duration, Box<dyn Error>> {
    let begin = Instant::now();
    let db = Database::create(file)?;
    let pages = db.begin_read()?.open_table(PAGES)?.len()?;
    let took = begin.elapsed();
    assert!(pages > 0);
    Ok(took)
}
