//! Time, as a page writes it.

const DAY_S: u64 = 86_400;

/// A moment in UTC as RFC 3339 has it, which is what `<time datetime>` takes: `2024-02-29T23:59:01Z`.
///
/// The date is computed as in Howard Hinnant's "chrono-compatible low-level date algorithms".
pub fn rfc3339(at_ms: u64) -> String {
    let seconds = at_ms / 1_000;
    let (days, second) = (seconds / DAY_S, seconds % DAY_S);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_dates() {
        let check = |at_ms: u64, expected: &str| assert_eq!(rfc3339(at_ms), expected);
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_399_999, "2000-02-28T23:59:59Z");
        check(951_782_400_000, "2000-02-29T00:00:00Z");
        check(1_709_251_141_000, "2024-02-29T23:59:01Z");
        check(1_767_225_600_000, "2026-01-01T00:00:00Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00Z");
    }
}
