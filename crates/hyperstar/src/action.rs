//! The attribute that calls an action.

pub(crate) use hyperstar_process::action::action_path;
pub use hyperstar_process::action::{Action, action, action_at};
