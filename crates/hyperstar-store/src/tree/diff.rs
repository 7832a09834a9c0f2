//! What differs between two trees.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::read::{Head, Steps};
use super::{PageSource, TreeError, TreeRef, Value};

/// Takes a key and its value in either tree.
pub(crate) type VisitChange<'a> =
    dyn FnMut(&[u8], Option<&Value>, Option<&Value>) -> ControlFlow<()> + 'a;

/// Visits each key that starts with `prefix` and whose value differs, in order, with its value in
/// `before` and in `after`, until the visit breaks.
///
/// It reads no page that both have at the same place, so it costs what differs.
///
/// # Errors
/// [`TreeError`], if a page that differs cannot be read.
pub(crate) fn diff(
    source: &dyn PageSource,
    before: &TreeRef,
    after: &TreeRef,
    prefix: &[u8],
    visit: &mut VisitChange<'_>,
) -> Result<(), TreeError> {
    let mut before = Steps::new(source, before);
    let mut after = Steps::new(source, after);
    loop {
        before.skip_to(prefix)?;
        after.skip_to(prefix)?;
        let heads = (before.head(), after.head());
        // Whichever comes first goes on; a subtree comes before what is in it.
        let order = match heads {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), Some(_)) => before.path().cmp(after.path()),
        };
        let visited = match (order, heads) {
            (Ordering::Less, (Some(Head::Entry(_)), _)) => {
                let visited = visit(before.path(), Some(&before.to_value()), None);
                before.skip()?;
                visited
            }
            (Ordering::Greater, (_, Some(Head::Entry(_)))) => {
                let visited = visit(after.path(), None, Some(&after.to_value()));
                after.skip()?;
                visited
            }
            (Ordering::Equal, (Some(Head::Entry(old)), Some(Head::Entry(new)))) => {
                let visited = if old == new {
                    ControlFlow::Continue(())
                } else {
                    let (old, new) = (before.to_value(), after.to_value());
                    visit(before.path(), Some(&old), Some(&new))
                };
                before.skip()?;
                after.skip()?;
                visited
            }
            (Ordering::Equal, (Some(Head::Subtree(old)), Some(Head::Subtree(new))))
                if old.hash == new.hash =>
            {
                before.skip()?;
                after.skip()?;
                ControlFlow::Continue(())
            }
            (order, _) => {
                // Entering leaves an entry where it is.
                if order != Ordering::Greater {
                    before.enter()?;
                }
                if order != Ordering::Less {
                    after.enter()?;
                }
                ControlFlow::Continue(())
            }
        };
        if visited.is_break() {
            return Ok(());
        }
    }
}
