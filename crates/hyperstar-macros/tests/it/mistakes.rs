//! What a newcomer gets wrong, and what is said of it: a file a mistake.
//!
//! `TRYBUILD=overwrite` writes the texts anew; read them as somebody who never saw this crate.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/it/mistakes/*.rs");
}
