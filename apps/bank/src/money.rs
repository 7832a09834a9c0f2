//! Amounts, as people write them.

/// The most that is sent at once, in cents: a million.
const CENTS_MAX: u64 = 100_000_000;

/// An amount in cents: `12`, `12.5` and `12,50` are some.
///
/// # Errors
/// A sentence for the person.
pub(crate) fn read(typed: &str) -> Result<u64, String> {
    let typed = typed.trim();
    let (whole, part) = typed.split_once(['.', ',']).unwrap_or((typed, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if typed.is_empty()
        || typed.len() > 12
        || part.len() > 2
        || !is_number(whole)
        || !is_number(part)
    {
        return Err("Write an amount, such as 12.50.".to_owned());
    }
    // Twelve digits at most, so all of it fits.
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    let cents = number(whole) * 100 + number(&format!("{part:0<2}"));
    match cents {
        0 => Err("How much is to be sent?".to_owned()),
        cents if cents > CENTS_MAX => Err("That is more than a million.".to_owned()),
        cents => Ok(cents),
    }
}

/// `1,234.50`
pub(crate) fn written(cents: u64) -> String {
    let mut whole = (cents / 100).to_string();
    let mut end = whole.len();
    while end > 3 {
        end -= 3;
        whole.insert(end, ',');
    }
    format!("{whole}.{:02}", cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let check = |typed: &str, expected: Option<u64>| {
            assert_eq!(read(typed).ok(), expected, "{typed:?}");
        };
        check("12", Some(1_200));
        check(" 12.5 ", Some(1_250));
        check("12,50", Some(1_250));
        check(".05", Some(5));
        check("1000000", Some(CENTS_MAX));
        for wrong in [
            "",
            "0",
            "0.00",
            "1.234",
            "-1",
            "+1",
            "1e3",
            "1.2.3",
            "1.-2",
            "x",
            "١",
            "1000000.01",
        ] {
            check(wrong, None);
        }
        check(&"9".repeat(100_000), None);
    }

    #[test]
    fn amounts_are_written_in_groups_of_three() {
        let check = |cents: u64, expected: &str| assert_eq!(written(cents), expected);
        check(5, "0.05");
        check(1_250, "12.50");
        check(123_400, "1,234.00");
        check(123_456_789, "1,234,567.89");
        check(u64::MAX, "184,467,440,737,095,516.15");
    }
}
