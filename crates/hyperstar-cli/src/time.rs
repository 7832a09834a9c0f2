//! Times as people read and write them.

use anyhow::{Result, anyhow, bail};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// `2023-11-14 22:13:20 +01:00`, in the zone of who looks.
pub(crate) fn absolute(time_ms: i64) -> String {
    match Timestamp::from_millisecond(time_ms) {
        Ok(time) => {
            let time = time.to_zoned(TimeZone::system());
            time.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
        }
        Err(_) => format!("{time_ms} ms after 1970"),
    }
}

/// `3 days ago`.
pub(crate) fn relative(time_ms: i64, now: Timestamp) -> String {
    const UNITS: [(i64, &str); 6] = [
        (365 * 24 * 3600, "year"),
        (30 * 24 * 3600, "month"),
        (24 * 3600, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let seconds = now.as_millisecond().saturating_sub(time_ms) / 1000;
    let Some((size, unit)) = UNITS.iter().find(|(size, _)| seconds.abs() >= *size) else {
        return "now".to_owned();
    };
    let count = seconds.abs() / size;
    let unit = match count {
        1 => (*unit).to_owned(),
        _ => format!("{unit}s"),
    };
    match seconds > 0 {
        true => format!("{count} {unit} ago"),
        false => format!("in {count} {unit}"),
    }
}

/// A moment as somebody wrote it: how long ago (`7d`, `3 months`), a date, or a date with a time.
///
/// # Errors
/// If it is none of these, or in the future.
pub(crate) fn moment(text: &str, now: &Zoned) -> Result<Timestamp> {
    let moment = if let Ok(span) = text.parse::<Span>() {
        now.checked_sub(span.abs())
            .map_err(|_| anyhow!("`{text}` is longer ago than any time; write less"))?
            .timestamp()
    } else if let Ok(time) = text.parse::<Timestamp>() {
        time
    } else if let Ok(time) = text.parse::<DateTime>() {
        time.to_zoned(now.time_zone().clone())
            .map_err(|_| anyhow!("`{text}` is out of the range of times; write another"))?
            .timestamp()
    } else {
        bail!(
            "`{text}` is neither a time ago nor a date; write `7d`, `3 months`, `2026-01-31` or \
             `2026-01-31 12:00`"
        );
    };
    if moment > now.timestamp() {
        bail!("`{text}` is in the future; write a time that has been");
    }
    Ok(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-03-10T12:00:00[UTC]".parse().unwrap()
    }

    #[test]
    fn times_are_told_in_the_largest_unit() {
        let now = now().timestamp();
        let ago = |seconds: i64| relative(now.as_millisecond() - seconds * 1000, now);
        assert_eq!(ago(0), "now");
        assert_eq!(ago(1), "1 second ago");
        assert_eq!(ago(119), "1 minute ago");
        assert_eq!(ago(7200), "2 hours ago");
        assert_eq!(ago(400 * 24 * 3600), "1 year ago");
        assert_eq!(ago(-90), "in 1 minute");
        assert!(relative(i64::MIN, now).ends_with("years ago"));
        assert_eq!(absolute(i64::MAX), "9223372036854775807 ms after 1970");
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        let cases = [
            ("7d", "2026-03-03T12:00:00Z"),
            ("1 month", "2026-02-10T12:00:00Z"),
            ("90min", "2026-03-10T10:30:00Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31 12:30", "2026-01-31T12:30:00Z"),
            ("2026-01-31T12:30:00+01:00", "2026-01-31T11:30:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                moment(text, &now()).unwrap().to_string(),
                expected,
                "{text}"
            );
        }
        for text in ["", "yesterdays", "2026-13-01", "2027-01-01", "99999y"] {
            assert!(moment(text, &now()).is_err(), "{text}");
        }
    }
}
