//! How one name is spelt in Rust, in the wrapped form of a body, and in WIT.

/// `create_user` as the wrapped form of a body has it: `CreateUser`.
///
/// ```
/// assert_eq!(hyperstar_interface::pascal("create_user"), "CreateUser");
/// ```
pub fn pascal(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    let capitalized = words.map(|word| {
        let mut chars = word.chars();
        let first = chars.next().into_iter().flat_map(char::to_uppercase);
        first.chain(chars).collect::<String>()
    });
    capitalized.collect()
}
