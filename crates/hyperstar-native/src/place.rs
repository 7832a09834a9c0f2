//! Where the things of a process lie in the store of its node.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyperstar::Platform;
use hyperstar_process::abi::Change;
use hyperstar_process::sys::Level;
use hyperstar_store::{Snapshot, Store, StoreError, check_path};

use crate::instance::{Crash, HostSys};
use crate::log::Logs;

/// What a process may read at once, in bytes.
const SCAN_BYTES_MAX: usize = 1024 * 1024;
/// How many entries it may read at once.
const SCAN_MOST_MAX: u32 = 10_000;
/// Reads of a render that are told apart; past it, the page depends on all of the state.
const READS_MAX: usize = 1_024;

/// Below which path of the store a process has its things.
///
/// ```text
/// apps/<publisher>/<package>/<process>/state/…     what it keeps, and nothing else reaches
/// apps/<publisher>/<package>/<process>/mail/…      what the kernel keeps for it
/// apps/<publisher>/<package>/<process>/sessions/…  its browsers
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    root: Arc<str>,
}

impl Place {
    /// The place of `process:package:publisher`.
    pub(crate) fn of(process: &str) -> Self {
        let mut parts: Vec<&str> = process.split(':').collect();
        parts.reverse();
        Self {
            root: format!("apps/{}", parts.join("/")).into(),
        }
    }

    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    pub(crate) fn state(&self) -> String {
        format!("{}/state", self.root)
    }

    pub(crate) fn mail(&self) -> String {
        format!("{}/mail", self.root)
    }

    pub(crate) fn sessions(&self) -> String {
        format!("{}/sessions", self.root)
    }

    /// Where a path of the process's state lies.
    pub(crate) fn of_state(&self, path: &str) -> String {
        format!("{}/state/{path}", self.root)
    }
}

/// Whether a process may write there: it has fields, collections and a version.
///
/// # Errors
/// [`Crash::Protocol`] with the path.
pub(crate) fn check_change(change: &Change) -> Result<(), Crash> {
    let path = change.path.as_str();
    let is_known = path == "v" || path.starts_with("f/") || path.starts_with("c/");
    let problem = match check_path(path) {
        Ok(()) if is_known => return Ok(()),
        Ok(()) => "it begins with neither `f/` nor `c/`".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Crash::Protocol(format!(
        "a change of the path `{}`: {problem}",
        path.chars().take(200).collect::<String>()
    )))
}

/// What a process reaches: its own part of the store, and no other.
pub(crate) struct Reach {
    pub(crate) store: Store,
    pub(crate) place: Place,
    pub(crate) platform: Platform,
    pub(crate) logs: Arc<Logs>,
    /// What the render that runs has read, as paths of the store.
    reads: Mutex<Option<BTreeSet<String>>>,
}

impl Reach {
    pub(crate) fn new(store: Store, place: Place, platform: Platform, logs: Arc<Logs>) -> Self {
        Self {
            store,
            place,
            platform,
            logs,
            reads: Mutex::new(None),
        }
    }

    /// Notes what is read from now on.
    pub(crate) fn begin_reads(&self) {
        *self.lock() = Some(BTreeSet::new());
    }

    /// What was read since, as paths and prefixes of the store; more than can be told apart is everything.
    pub(crate) fn end_reads(&self) -> Vec<String> {
        let reads = self.lock().take().unwrap_or_default();
        if reads.len() > READS_MAX {
            return vec![self.place.state()];
        }
        reads.into_iter().collect()
    }

    fn note(&self, path: impl FnOnce() -> String) {
        if let Some(reads) = &mut *self.lock()
            && reads.len() <= READS_MAX
        {
            reads.insert(path());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<BTreeSet<String>>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostSys for Reach {
    fn now_ms(&self) -> u64 {
        self.platform.unix_ms()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), String> {
        for chunk in bytes.chunks_mut(32) {
            let random: [u8; 32] = self.platform.random().map_err(|error| error.to_string())?;
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        Ok(())
    }

    fn log(&self, level: Level, text: &str) {
        self.logs.add(self.platform.unix_ms(), level, text);
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, String> {
        check_path(path).map_err(|error| error.to_string())?;
        let path = self.place.of_state(path);
        self.note(|| path.clone());
        self.store
            .get_bytes(&path)
            .map_err(|error| error.to_string())
    }

    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Result<Vec<(String, Bytes)>, String> {
        let state = self.place.state();
        self.note(|| {
            self.place
                .of_state(common_directory(at_or_after, before))
                .trim_end_matches('/')
                .to_owned()
        });
        let snapshot = self.store.snapshot();
        let scan = Scan {
            snapshot: &snapshot,
            prefix: &state,
            from: format!("{state}/{at_or_after}"),
            before: (!before.is_empty()).then(|| format!("{state}/{before}")),
            most: most.clamp(1, SCAN_MOST_MAX) as usize,
        };
        scan.run(back).map_err(|error| error.to_string())
    }

    fn count(&self, prefix: &str) -> Result<u64, String> {
        check_path(prefix).map_err(|error| error.to_string())?;
        let path = self.place.of_state(prefix);
        self.note(|| path.clone());
        self.store
            .snapshot()
            .count(&path)
            .map_err(|error| error.to_string())
    }
}

/// The longest directory that both bounds of a range are in.
fn common_directory<'a>(from: &'a str, before: &str) -> &'a str {
    let common = from
        .bytes()
        .zip(before.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    match from.as_bytes()[..common]
        .iter()
        .rposition(|byte| *byte == b'/')
    {
        Some(end) => &from[..end],
        None => "",
    }
}

struct Scan<'a> {
    snapshot: &'a Snapshot,
    prefix: &'a str,
    from: String,
    before: Option<String>,
    most: usize,
}

impl Scan<'_> {
    fn run(&self, back: bool) -> Result<Vec<(String, Bytes)>, StoreError> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let mut found = Vec::new();
        let mut bytes = 0;
        let visit = |path: &str, value: &[u8]| {
            let name = path[self.prefix.len() + 1..].to_owned();
            bytes += name.len() + value.len();
            if bytes > SCAN_BYTES_MAX && !found.is_empty() {
                return ControlFlow::Break(());
            }
            found.push((name, Bytes::copy_from_slice(value)));
            if found.len() >= self.most {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        if self
            .before
            .as_ref()
            .is_some_and(|before| *before <= self.from)
        {
            return Ok(Vec::new());
        }
        let before = match &self.before {
            Some(before) => Excluded(before.as_str()),
            None => Unbounded,
        };
        let range = (Included(self.from.as_str()), before);
        if back {
            self.snapshot.scan_back(self.prefix, range, visit)?;
        } else {
            self.snapshot.scan(self.prefix, range, visit)?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(process: &str, store: &Store) -> Reach {
        Reach::new(
            store.clone(),
            Place::of(process),
            Platform::system(),
            Arc::new(Logs::new("test")),
        )
    }

    #[test]
    fn a_process_reads_its_own_state_and_no_other() {
        let store = Store::memory();
        store.set("apps/me/a/a/state/c/m/x", &1).expect("a path");
        store.set("apps/me/a/a/state/c/m/y", &2).expect("a path");
        store.set("apps/me/b/b/state/c/m/x", &3).expect("a path");
        let sys = reach("a:a:me", &store);
        assert_eq!(sys.get("c/m/x"), Ok(Some(Bytes::from_static(b"1"))));
        for path in ["../b/state/c/m/x", "/etc/passwd", "", "c//m", "c/m/../../x"] {
            assert!(!matches!(sys.get(path), Ok(Some(_))), "{path}");
        }
        let names = |from: &str, before: &str, most, back| -> Vec<String> {
            let found = sys.scan(from, before, most, back).expect("a range");
            found.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names("", "", 10, false), ["c/m/x", "c/m/y"]);
        assert_eq!(names("", "", 10, true), ["c/m/y", "c/m/x"]);
        assert_eq!(names("c/m/y", "", 10, false), ["c/m/y"]);
        assert_eq!(names("c/m/", "c/m/y", 10, false), ["c/m/x"]);
        assert_eq!(names("", "", 1, false), ["c/m/x"]);
        assert_eq!(names("z", "a", 10, false), [""; 0]);
        assert_eq!(sys.count("c/m"), Ok(2));
    }

    #[test]
    fn what_a_render_reads_is_noted() {
        let store = Store::memory();
        let sys = reach("a:a:me", &store);
        let _ = sys.get("c/m/before");
        sys.begin_reads();
        let _ = sys.get("c/m/x");
        let _ = sys.scan("c/m/", "c/m0", 10, false);
        let _ = sys.scan("c/m/a", "c/m/b", 10, false);
        let _ = sys.count("c/n");
        let reads = sys.end_reads();
        assert_eq!(
            reads,
            [
                "apps/me/a/a/state/c",
                "apps/me/a/a/state/c/m",
                "apps/me/a/a/state/c/m/x",
                "apps/me/a/a/state/c/n"
            ]
        );
        sys.begin_reads();
        for n in 0..=READS_MAX {
            let _ = sys.get(&format!("c/m/{n}"));
        }
        assert_eq!(sys.end_reads(), ["apps/me/a/a/state"]);
    }

    #[test]
    fn a_change_stays_in_its_place() {
        let check = |path: &str, expected: bool| {
            let change = Change {
                path: path.to_owned(),
                value: None,
            };
            assert_eq!(check_change(&change).is_ok(), expected, "{path}");
        };
        check("f/count", true);
        check("c/people/ann", true);
        check("v", true);
        check("", false);
        check("mail/x", false);
        check("../mail/x", false);
        check("f/../../mail/x", false);
        check("f//x", false);
    }
}
