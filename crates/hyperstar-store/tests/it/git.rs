//! Histories to the Git that is installed and back. It has to be: these tests fail without it.

mod alone;
mod hostile;
mod repository;
mod trip;
