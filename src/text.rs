//! Text on a terminal: one line, nothing that moves the cursor, dates and percentages without floats.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// Longest line that an error makes, in characters.
const MAX_LINE_CHARS: usize = 400;

/// Text from elsewhere that is safe to print: control and direction-changing characters are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Text(String);

impl Text {
    /// Makes a text safe to print.
    pub fn new(text: &str) -> Self {
        Self(text.chars().map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c }).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

/// An integer that JSON carries as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(pub u128);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer).map(Self)
    }
}

/// Reads a JSON string as anything that text can be: hashes, addresses, integers.
///
/// # Errors
/// The type's own.
pub fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// One printable line, whatever came in.
pub fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_LINE_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    Text::new(&line).0
}

/// A time in ms since the Unix epoch, as `2026-11-22 18:05:09 UTC`.
pub fn utc(timestamp_ms: u64) -> String {
    let seconds = timestamp_ms / 1000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days; years start in March.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + carry;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
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

/// Control characters, and those that reorder or hide what follows.
fn is_unsafe(c: char) -> bool {
    let reorders =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || reorders
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_error_is_one_printable_line() {
        assert_eq!(one_line("two\n  lines\t here "), "two lines here");
        assert_eq!(one_line("\u{1b}[2Jcleared\u{202e}"), "\u{fffd}[2Jcleared\u{fffd}");
        assert_eq!(one_line("naïve — “fine”"), "naïve — “fine”");
        assert_eq!(one_line(&"é".repeat(10_000)).chars().count(), MAX_LINE_CHARS + 1);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (timestamp_ms, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (951_868_800_000, "2000-03-01 00:00:00 UTC"),
            (1_795_370_709_123, "2026-11-22 18:05:09 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
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

    #[test]
    fn decimals_come_as_strings_only() {
        assert_eq!(
            serde_json::from_str::<Decimal>("\"340282366920938463463374607431768211455\"").unwrap().0,
            u128::MAX
        );
        for bad in ["1", "\"-1\"", "\"1e3\"", "\"340282366920938463463374607431768211456\"", "\"\""] {
            assert!(serde_json::from_str::<Decimal>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_time_and_any_share_print(timestamp_ms: u64, part: u128, whole: u128) {
            prop_assert!(utc(timestamp_ms).ends_with(" UTC"));
            prop_assert!(percent(part.min(whole), whole).ends_with('%'));
        }

        #[test]
        fn no_line_holds_what_moves_a_cursor(text: String) {
            prop_assert!(!one_line(&text).chars().any(is_unsafe));
        }
    }
}
