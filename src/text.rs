//! Text on a terminal: one line, nothing that moves the cursor, dates and percentages without
//! floats.

use jiff::{Timestamp, tz::TimeZone};
pub use lode_api::text::{one_line, printable};

/// A time in ms since the Unix epoch, as `2026-11-22 18:05:09 UTC`.
pub fn utc(timestamp_ms: u64) -> String {
    let time = i64::try_from(timestamp_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match time {
        Some(time) => time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        // No calendar goes as far.
        None => format!("{timestamp_ms} ms after 1970-01-01 00:00:00 UTC"),
    }
}

/// `part` of `whole` as a percentage with two decimals, rounded down.
pub fn percent(part: u128, whole: u128) -> String {
    if whole == 0 {
        return "0%".to_owned();
    }
    // Beyond 2^114 the last bits cannot show in two decimals.
    let shift = 14_u32.saturating_sub(part.max(whole).leading_zeros());
    let (part, whole) = (part >> shift, (whole >> shift).max(1));
    let hundredths = part * 10_000 / whole;
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (timestamp_ms, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (951_868_800_000, "2000-03-01 00:00:00 UTC"),
            (1_795_370_709_123, "2026-11-22 18:05:09 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
            (u64::MAX, "18446744073709551615 ms after 1970-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(timestamp_ms), expected);
        }
    }

    #[test]
    fn percentages_round_down() {
        assert_eq!(percent(1, 3), "33.33%");
        assert_eq!(percent(2, 3), "66.66%");
        assert_eq!(percent(5, 5), "100.00%");
        assert_eq!(percent(0, 0), "0%");
        assert_eq!(percent(u128::MAX / 2, u128::MAX), "49.99%");
        assert_eq!(percent(u128::MAX, u128::MAX), "100.00%");
    }

    proptest! {
        #[test]
        fn any_time_and_any_share_print(timestamp_ms: u64, part: u128, whole: u128) {
            prop_assert!(utc(timestamp_ms).ends_with(" UTC"));
            prop_assert!(percent(part.min(whole), whole).ends_with('%'));
        }
    }
}
