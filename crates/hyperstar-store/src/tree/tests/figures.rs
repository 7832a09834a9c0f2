//! What it costs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{Pages, Random};
use crate::tree::*;

/// Prints what it costs; for real figures, in release:
/// `HYPERSTAR_STORE_FIGURES=1000000 cargo test --release -p hyperstar-store figures -- --nocapture`
#[test]
fn figures() {
    let count =
        std::env::var("HYPERSTAR_STORE_FIGURES").map_or(2_000, |count| count.parse().unwrap());
    figures_of("decimal", count, &|item| format!("item/{item:08}"));
    figures_of("hexadecimal", count, &|item| {
        format!("user/{:016x}", Random(item).next())
    });
    figures_of("nested", count, &|item| {
        format!("lists/{}/items/{}/text", item % 1000, item / 1000)
    });
}

/// Time on the CPU where the system tells it, so that others on the machine do not count.
struct Clock(Duration);

impl Clock {
    fn start() -> Self {
        Self(Self::now())
    }

    fn elapsed(&self) -> Duration {
        Self::now() - self.0
    }

    fn now() -> Duration {
        static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
        // It is brought up to date when the thread yields.
        std::thread::yield_now();
        let statistics = std::fs::read_to_string("/proc/thread-self/schedstat");
        let on_cpu = statistics
            .ok()
            .and_then(|text| text.split(' ').next()?.parse().ok());
        on_cpu.map_or_else(|| STARTED.elapsed(), Duration::from_nanos)
    }
}

fn figures_of(name: &str, count: u64, path: &dyn Fn(u64) -> String) {
    let key = |item| path(item).into_bytes();
    let mut random = Random(1);
    let value = |number: u64| Value::Inline(format!("a value of some length, {number}").into());
    let mut next = PageId(0);
    let start = empty(&mut next);
    let mut source = Pages::default();
    source.pages.extend(start.written);

    let sorted: BTreeSet<Vec<u8>> = (0..count).map(key).collect();
    let changes: Vec<_> = sorted.iter().map(|key| (&**key, Some(value(0)))).collect();
    let started = Clock::start();
    let edited = edit(&source, &start.root, &changes, &mut next).unwrap();
    let built = started.elapsed();
    let pages_bytes: usize = edited.written.iter().map(|(_, page)| page.len()).sum();
    println!(
        "{name}: {count} entries in {built:?}, {} pages of {} bytes on average",
        edited.written.len(),
        pages_bytes / edited.written.len(),
    );
    source.pages.extend(edited.written);
    let root = edited.root;

    for batch in [1, 10, 100, 1000, 10_000] {
        let rounds = (count / 50 / batch).clamp(5, 2000);
        let keys_of_rounds: Vec<BTreeSet<Vec<u8>>> = (0..rounds)
            .map(|_| (0..batch).map(|_| key(random.below(count))).collect())
            .collect();
        let of_keys = |keys| -> Vec<_> {
            let keys: &BTreeSet<Vec<u8>> = keys;
            keys.iter().map(|key| (&**key, Some(value(1)))).collect()
        };
        let all_changes: Vec<Vec<_>> = keys_of_rounds.iter().map(of_keys).collect();
        let (mut changed, mut written, mut written_bytes) = (0, 0, 0);
        let started = Clock::start();
        for changes in &all_changes {
            let edited = edit(&source, &root, changes, &mut next.clone()).unwrap();
            changed += changes.len();
            written += edited.written.len();
            written_bytes += edited
                .written
                .iter()
                .map(|(_, page)| page.len())
                .sum::<usize>();
        }
        let took = started.elapsed();
        println!(
            "{name}: batches of {batch}: {:?} a change, {:.2} pages and {} bytes a change",
            took / changed as u32,
            written as f64 / changed as f64,
            written_bytes / changed,
        );
    }

    let keys: BTreeSet<Vec<u8>> = (0..10).map(|_| key(random.below(count))).collect();
    let changes: Vec<_> = keys.iter().map(|key| (&**key, Some(value(2)))).collect();
    let edited = edit(&source, &root, &changes, &mut next).unwrap();
    source.pages.extend(edited.written);
    source.reads.set(0);
    let mut found = 0;
    let started = Clock::start();
    for _ in 0..100 {
        let mut count = |_: &[u8], _: Option<&Value>, _: Option<&Value>| {
            found += 1;
            ControlFlow::Continue(())
        };
        diff(&source, &root, &edited.root, &[], &mut count).unwrap();
    }
    println!(
        "{name}: diff of {} in {:?}, {} pages",
        found / 100,
        started.elapsed() / 100,
        source.reads.get() / 100,
    );
    assert_eq!(found, keys.len() * 100);

    let started = Clock::start();
    for _ in 0..1000 {
        assert!(
            get(&source, &root, &key(random.below(count)))
                .unwrap()
                .is_some()
        );
    }
    println!("{name}: get in {:?}", started.elapsed() / 1000);

    let started = Clock::start();
    let mut walked = 0;
    walk(&source, &root, &[], &mut |_, _| {
        walked += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    println!("{name}: walk in {:?} an entry", started.elapsed() / walked);
    assert_eq!(u64::from(walked), count);

    let started = Clock::start();
    for _ in 0..1000 {
        assert!(
            nth(&source, &root, &[], random.below(count))
                .unwrap()
                .is_some()
        );
    }
    println!("{name}: nth in {:?}", started.elapsed() / 1000);
}
