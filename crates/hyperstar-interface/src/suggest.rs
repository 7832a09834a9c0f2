//! What somebody may have meant.

/// The one of `names` that `wanted` was most likely meant to be, if one is near enough.
///
/// Upper and lower case, `_` and `-` are the same here, so `CreateUser` is near to `create_user`.
///
/// ```
/// use hyperstar_interface::near;
///
/// assert_eq!(near("creat_user", ["list_users", "create_user"]), Some("create_user"));
/// assert_eq!(near("remove", ["list_users", "create_user"]), None);
/// ```
pub fn near<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // What a stranger sends may be long, on either side; nothing that long is near to a name.
    if wanted.len() > NEAR_BYTES_MAX {
        return None;
    }
    let names = names.into_iter();
    let names = names.filter(|name| name.len() <= NEAR_BYTES_MAX);
    let wanted = plain(wanted);
    let most = match wanted.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        length => length / 3,
    };
    let measured = names.map(|name| (strsim::damerau_levenshtein(&wanted, &plain(name)), name));
    measured
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

const NEAR_BYTES_MAX: usize = 64;

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Names for a sentence: `` `a`, `b` ``, at most twelve of them.
///
/// ```
/// assert_eq!(hyperstar_interface::quoted(["a", "b"]), "`a`, `b`");
/// ```
pub fn quoted<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names
        .by_ref()
        .take(SHOWN_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    let rest = names.count();
    let mut text = shown.join(", ");
    if rest > 0 {
        text.push_str(&format!(" and {rest} more"));
    }
    text
}

const SHOWN_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found_and_nothing_else() {
        let names = ["create_user", "list_users", "get", "at"];
        let cases = [
            ("creat_user", Some("create_user")),
            ("CreateUser", Some("create_user")),
            ("create-user", Some("create_user")),
            ("users_list", None),
            ("lst_users", Some("list_users")),
            ("gte", Some("get")),
            ("x", None),
            ("", None),
            ("delete_everything", None),
        ];
        for (wanted, expected) in cases {
            assert_eq!(near(wanted, names), expected, "{wanted}");
        }
        assert_eq!(near(&"create_user".repeat(1_000), names), None);
        // To measure how near it is takes 12 bytes for each of its own.
        let long = "_".repeat(65) + "create_user";
        assert_eq!(near("create_user", [long.as_str()]), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let text = quoted(names.iter().map(String::as_str));
        assert!(text.ends_with("`11` and 8 more"), "{text}");
    }
}
