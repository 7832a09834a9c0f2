//! What the demo is made of: the same as the gallery, which a test of `hyperstar-e2e` compares with this file.

/// The examples, and the processes that are made of each.
pub(crate) const EXAMPLES: [(&str, &[&str]); 5] = [
    ("counter", &["counter:counter:local"]),
    ("life", &["life:life:local"]),
    ("todo", &["todo:todo:local"]),
    ("chat", &["chat:chat:local"]),
    ("bank", &["north:bank:local", "south:bank:local"]),
];

/// Who may ask whom for what.
pub(crate) const GRANTS: [(&str, &str, &str); 2] = [
    ("north:bank:local", "south:bank:local", "deposit"),
    ("south:bank:local", "north:bank:local", "deposit"),
];
