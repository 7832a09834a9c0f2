//! The typed collections, against those of the standard library.

mod keys;
mod lists;
mod logs;
mod maps;
mod narrow_reads;
