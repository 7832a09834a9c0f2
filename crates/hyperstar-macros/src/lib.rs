//! The macros of Hyperstar apps.
