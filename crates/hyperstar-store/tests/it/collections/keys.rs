//! Any key is a segment, and segments are in the order of the keys.

use std::fmt::Debug;

use hyperstar_store::{ItemId, Key, SEGMENT_BYTES_MAX, check_path};
use proptest::prelude::*;

#[test]
fn numbers_are_a_letter_and_digits() {
    check::<u64>(0, "a0");
    check::<u64>(7, "a7");
    check::<u64>(10, "b10");
    check::<u64>(1066, "d1066");
    check::<u64>(u64::MAX, "t18446744073709551615");
    check::<u8>(255, "c255");
    check::<u16>(9, "a9");
    check::<u32>(u32::MAX, "j4294967295");
    check::<i64>(0, "a0");
    check::<i64>(42, "b42");
    check::<i64>(-1, "Z8");
    check::<i64>(-7, "Z2");
    check::<i64>(-10, "Y89");
    check::<i64>(i64::MIN, "H0776627963145224191");
    check::<i64>(i64::MAX, "s9223372036854775807");
    check::<i8>(-128, "X871");
    check::<i16>(-128, "X871");
    check::<i32>(i32::MIN, "Q7852516351");
    check::<ItemId>(ItemId::from_u64(42), "b42");
}

#[test]
fn what_is_no_number_is_no_key() {
    for segment in [
        "",
        "a",
        "7",
        "a07",
        "b07",
        "b7",
        "a77",
        "A7",
        "Z",
        "Z9",
        "Yz1",
        "a+7",
        "a 7",
        "a-7",
        "Z-7",
        "u184467440737095516150",
        "t18446744073709551616",
        "ü7",
        "aü",
        "A0",
        "z1",
    ] {
        assert_eq!(u64::decode(segment), None, "{segment}");
        assert_eq!(i64::decode(segment), None, "{segment}");
    }
    // In range for others.
    assert_eq!(u64::decode("Z8"), None);
    assert_eq!(u8::decode("c256"), None);
    assert_eq!(i8::decode("c128"), None);
    assert_eq!(i8::decode("X870"), None);
    assert_eq!(i64::decode("s9223372036854775808"), None);
    assert_eq!(i64::decode("H0776627963145224190"), None);
}

#[test]
fn strings_are_as_they_are_where_they_can_be() {
    let check = |text: &str, segment: &str| {
        assert_eq!(String::encode(text), segment);
        assert_eq!(String::decode(segment).as_deref(), Some(text));
        check_path(segment).unwrap();
    };
    for text in [
        "a",
        "7",
        "ann@example.com",
        "buy milk",
        "Tea & Cake!",
        "ü",
        "日本語",
        "🙂",
        "...",
        ".gitignore",
        "~ann",
        "1.0.0",
        "a~b",
        "{x}",
        " a",
        "a-b_c",
        "x.y~z",
        "git",
        "hi!",
        "}",
    ] {
        check(text, text);
    }
    check("", " ");
    check(".", ". ");
    check("..", ".. ");
    check(".git", ".git  !");
    check(".GiT.", ".GiT.  !");
    check("git~1", "git~1  !");
    check("a\\.git", "a\\.git  !");
    check(".g\u{200c}it", ".g\u{200c}it  !");
    check(".git ", ".git !");
    check(".git\n", ".git  0a");
    check(" ", " !");
    check("a  b", "a ! b");
    check("a !", "a !!");
    check(". ", ". !");
    check("/", ".~");
    check("a/b/c", "a.~b.~c");
    check("./..", "..~..");
    check("../", "...~");
    check("\0", "  00");
    check("a\nb", "a  0ab");
    check("a \n", "a !  0a");
    check("\x7f", "~~7f");
    check("\u{85}", "~~85");
    check("\u{a0}", "\u{a0}");
    check(".}", ".}}");
    check(".~", ".}~");
    check("~~", "~}~");
    check(".ü", ".}ü");
    check("~\x7f", "~}~~7f");
}

#[test]
fn what_encode_does_not_write_is_no_key() {
    for segment in [
        "",
        ".",
        "..",
        ".git",
        ".git ",
        "  !",
        "a  !",
        ".git  !  !",
        "a ",
        "  ",
        "a  b",
        "  0",
        "  0A",
        "  20",
        "  ff",
        "  +1",
        "~~",
        "~~a0",
        "~~41",
        "~~7",
        "a!b ",
        ".}",
        ".}a",
        "~}a",
        "a/b",
        "\n",
        "  ü",
        "~~ü",
        " ! ",
    ] {
        assert_eq!(String::decode(segment), None, "{segment:?}");
    }
}

fn check<K: Key + PartialEq + Debug>(key: K, segment: &str) {
    assert_eq!(K::encode(key.by_ref()), segment);
    assert_eq!(K::decode(segment), Some(key));
}

fn check_laws<K: Key + Ord + Debug>(mut keys: Vec<K>) {
    keys.sort();
    keys.dedup();
    let segments: Vec<_> = keys.iter().map(|key| K::encode(key.by_ref())).collect();
    for (key, segment) in keys.iter().zip(&segments) {
        assert_eq!(K::decode(segment).as_ref(), Some(key), "{segment:?}");
        if segment.len() <= SEGMENT_BYTES_MAX {
            check_path(segment).unwrap();
        }
    }
    for (index, pair) in segments.windows(2).enumerate() {
        assert!(pair[0] < pair[1], "{:?} {pair:?}", &keys[index..index + 2]);
    }
}

#[test]
fn what_windows_takes_for_git_is_refused_where_no_spelling_helps() {
    for key in [".git:x", "git~1::x", "a\\.git\\b"] {
        let segment = String::encode(key);
        assert_eq!(String::decode(&segment).as_deref(), Some(key));
        let error = check_path(&segment).unwrap_err().to_string();
        assert!(error.contains("is reserved"), "{error}");
    }
}

/// All strings of up to three of the characters that matter.
#[test]
fn the_laws_hold_where_escapes_meet() {
    const CHARS: [char; 18] = [
        '\0',
        '\n',
        '\x1f',
        ' ',
        '!',
        '"',
        '-',
        '.',
        '/',
        '0',
        'a',
        '|',
        '}',
        '~',
        '\x7f',
        '\u{9f}',
        '\u{a0}',
        '\u{10ffff}',
    ];
    let mut strings = vec![String::new()];
    let mut from = 0;
    for _ in 0..3 {
        let end = strings.len();
        for index in from..end {
            let longer = CHARS.map(|char| format!("{}{char}", strings[index]));
            strings.extend(longer);
        }
        from = end;
    }
    for reserved in [".git", "git~1", ".\u{200c}git", "x\\.git"] {
        for end in [
            "", " ", "  ", "\0", "!", ".", "..", ". ", ".!", "0", "a", "/", "~", "}",
        ] {
            strings.push(format!("{reserved}{end}"));
            strings.push(format!("{reserved}{end}").to_uppercase());
        }
    }
    strings.extend([".gi", ".gi/"].map(str::to_owned));
    check_laws(strings);
}

proptest! {
    #[test]
    fn the_laws_hold_for_strings(keys in prop::collection::vec(any::<String>(), 0..40)) {
        check_laws(keys);
    }

    #[test]
    fn the_laws_hold_for_odd_strings(keys in prop::collection::vec("[./~ !}\0\n\x7f\u{85}\u{a0}git01]{0,8}", 0..60)) {
        check_laws(keys);
    }

    #[test]
    fn the_laws_hold_for_unsigned(keys in prop::collection::vec((any::<u64>(), 0..64_u32), 0..60)) {
        check_laws(keys.into_iter().map(|(key, shift)| key >> shift).collect());
    }

    #[test]
    fn the_laws_hold_for_signed(keys in prop::collection::vec((any::<i64>(), 0..64_u32), 0..60)) {
        check_laws(keys.into_iter().map(|(key, shift)| key >> shift).collect());
    }

    #[test]
    fn one_spelling_only(segment in "[./~ !}a-cXYZ0-9\u{a0}]{0,6}") {
        if let Some(key) = String::decode(&segment) {
            prop_assert_eq!(String::encode(&key), segment.clone());
        }
        if let Some(key) = i64::decode(&segment) {
            prop_assert_eq!(i64::encode(key), segment.clone());
        }
        if let Some(key) = u64::decode(&segment) {
            prop_assert_eq!(u64::encode(key), segment);
        }
    }
}

#[test]
fn all_small_numbers_are_in_order() {
    check_laws((i16::MIN..=i16::MAX).collect());
    check_laws((0..=u16::MAX).collect());
    check_laws((i8::MIN..=i8::MAX).collect());
    check_laws((0..=u8::MAX).collect());
}
