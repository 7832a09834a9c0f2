//! The two ends together: through real Git, against each other, and with hostile streams.

mod history;
mod hostile;
mod with_git;
