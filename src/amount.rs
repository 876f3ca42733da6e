//! Amounts of credits as people write them, exact in integers: 1 credit is 10^6 microcredits.

use std::{fmt, str::FromStr};

pub const MICROCREDITS_PER_CREDIT: u64 = 1_000_000;

/// Decimals of a credit: the smallest amount is 0.000001 credits.
const DECIMALS: usize = 6;

/// An amount in microcredits, written and read in credits.
///
/// ```
/// use lode::amount::Credits;
///
/// let amount: Credits = "1.5".parse()?;
/// assert_eq!(amount.microcredits(), 1_500_000);
/// assert_eq!(amount.to_string(), "1.5");
/// # Ok::<(), lode::amount::AmountError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credits(u64);

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Signs, exponents, separators, blanks, or a point without digits on both sides.
    #[error("expected credits as digits with an optional point (12 or 0.25), got {0:?}")]
    NotDecimal(String),
    /// More decimals than a credit has.
    #[error("expected at most 6 decimals (0.000001 credits is the smallest amount), got {0}")]
    TooFine(usize),
    /// More than fits in 64 bits.
    #[error("expected at most {max} credits, got more", max = Credits(u64::MAX))]
    TooLarge,
}

impl Credits {
    /// An amount given in microcredits.
    pub const fn from_microcredits(microcredits: u64) -> Self {
        Self(microcredits)
    }

    /// The amount in microcredits.
    pub const fn microcredits(self) -> u64 {
        self.0
    }
}

impl FromStr for Credits {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The error is printed: never more than a line's worth of what came in.
        let not_decimal = || AmountError::NotDecimal(text.chars().take(40).collect());
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());

        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if digits(fraction) => (whole, fraction),
            Some(_) => return Err(not_decimal()),
            None => (text, ""),
        };
        if !digits(whole) {
            return Err(not_decimal());
        }
        if fraction.len() > DECIMALS {
            return Err(AmountError::TooFine(fraction.len()));
        }
        // All digits by now, so the only way to fail is not to fit.
        let whole: u64 = whole.parse().map_err(|_| AmountError::TooLarge)?;
        let fraction: u64 =
            format!("{fraction:0<DECIMALS$}").parse().map_err(|_| AmountError::TooLarge)?;
        let microcredits = whole
            .checked_mul(MICROCREDITS_PER_CREDIT)
            .and_then(|micro| micro.checked_add(fraction));
        microcredits.map(Self).ok_or(AmountError::TooLarge)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) =
            (self.0 / MICROCREDITS_PER_CREDIT, self.0 % MICROCREDITS_PER_CREDIT);
        if fraction == 0 {
            return f.pad(&whole.to_string());
        }
        let fraction = format!("{fraction:0DECIMALS$}");
        f.pad(&format!("{whole}.{}", fraction.trim_end_matches('0')))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<u64, AmountError> {
        text.parse::<Credits>().map(Credits::microcredits)
    }

    #[test]
    fn reads_credits_exactly() {
        for (text, microcredits) in [
            ("0", 0),
            ("1", 1_000_000),
            ("1.5", 1_500_000),
            ("0.1", 100_000),
            ("0.000001", 1),
            ("007.250000", 7_250_000),
            ("18446744073709.551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(microcredits), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in [
            "", " ", ".", ".5", "5.", "-1", "+1", "1e3", "1E3", "0x10", "1,5", "1_000", " 1", "1 ",
            "1.2.3", "1.-5", "1.+5", "NaN", "inf", "١", "1\n",
        ] {
            assert_eq!(parse(text), Err(AmountError::NotDecimal(text.to_owned())), "{text:?}");
        }
        assert_eq!(parse("0.0000001"), Err(AmountError::TooFine(7)));
        assert_eq!(parse("1.0000000"), Err(AmountError::TooFine(7)));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        for text in
            ["18446744073709.551616", "18446744073710", "18446744073709551616", &"9".repeat(500)]
        {
            assert_eq!(parse(text), Err(AmountError::TooLarge), "{text}");
        }
        assert_eq!(
            AmountError::TooLarge.to_string(),
            "expected at most 18446744073709.551615 credits, got more"
        );
    }

    #[test]
    fn an_error_quotes_at_most_a_line() {
        assert!(parse(&"x".repeat(100_000)).unwrap_err().to_string().len() < 120);
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(microcredits: u64) {
            let amount = Credits::from_microcredits(microcredits);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }

        #[test]
        fn any_text_parses_or_is_refused(text in "\\PC{0,30}") {
            // What is accepted means what an independent reading in wide integers says.
            if let Ok(microcredits) = parse(&text) {
                let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
                let padded: u128 = format!("{whole}{fraction:0<6}").parse().unwrap();
                prop_assert_eq!(u128::from(microcredits), padded);
            }
        }

        #[test]
        fn decimals_parse_as_wide_integers_do(
            whole in 0_u128..=40_000_000_000_000,
            fraction in "[0-9]{1,6}",
        ) {
            let wide = whole * 1_000_000 + format!("{fraction:0<6}").parse::<u128>().unwrap();
            prop_assert_eq!(parse(&format!("{whole}.{fraction}")).ok(), u64::try_from(wide).ok());
        }
    }
}
