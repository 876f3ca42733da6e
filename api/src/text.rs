//! How values that are no plain JSON number or string are written: bytes as hex, addresses and
//! signatures as Aleo writes them, integers that a float cannot hold as decimal strings. And
//! [`one_line`], for text that is going to be printed.

use std::{borrow::Cow, fmt, str::FromStr};

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use lode_consensus::{Address, ChainWork, Hash, SignedTransaction, address::AddressError};
use lode_puzzle::{Statement, Target, Ticket};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type},
    },
};

/// Longest line that [`one_line`] makes, in characters; an ellipsis may follow.
pub const MAX_LINE_CHARS: usize = 400;

/// A value that JSON carries as a string.
pub trait TextForm: Sized + fmt::Display {
    /// The name of its schema.
    const NAME: &'static str;
    /// What its text looks like: a regular expression for the schema.
    const PATTERN: &'static str;

    /// Reads the text.
    ///
    /// # Errors
    /// One line that says what was expected and what came.
    fn parse(text: &str) -> Result<Self, String>;
}

const HEX_32: &str = "^[0-9a-f]{64}$";

macro_rules! text_form {
    ($($value:ty, $name:literal, $pattern:expr;)*) => {$(
        impl TextForm for $value {
            const NAME: &'static str = $name;
            const PATTERN: &'static str = $pattern;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error: <Self as FromStr>::Err| error.to_string())
            }
        }
    )*};
}

text_form! {
    Hash, "Hash", HEX_32;
    Statement, "Statement", HEX_32;
    Ticket, "Ticket", HEX_32;
    ChainWork, "Work", "^[0-9]{1,78}$";
}

macro_rules! decimal_form {
    ($($value:ty, $name:literal, $pattern:literal, $expected:literal, $make:expr;)*) => {$(
        impl TextForm for $value {
            const NAME: &'static str = $name;
            const PATTERN: &'static str = $pattern;

            fn parse(text: &str) -> Result<Self, String> {
                let make: fn(&str) -> Option<Self> = $make;
                // `str::parse` also takes a sign, which no number of this API has.
                let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let value = if is_digits { make(text) } else { None };
                value.ok_or_else(|| {
                    format!(concat!("expected ", $expected, ", got {}"), quoted(text))
                })
            }
        }
    )*};
}

decimal_form! {
    u32, "U32", "^[0-9]{1,10}$", "a whole number from 0 to 4294967295", |text| text.parse().ok();
    u64, "U64", "^[0-9]{1,20}$", "a whole number from 0 to 18446744073709551615",
        |text| text.parse().ok();
    u128, "U128", "^[0-9]{1,39}$", "a whole number below 2^128", |text| text.parse().ok();
    Target, "Target", "^[0-9]{1,39}$", "a whole number from 1 to 2^128 - 1",
        |text| text.parse().ok();
}

/// A value that JSON carries as its text: hashes, and integers that a float could not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<T>(pub T);

/// A 32-byte BLAKE2b digest.
pub type HashText = Text<Hash>;
/// What an attempt proves.
pub type StatementText = Text<Statement>;
/// The hash of a proof.
pub type TicketText = Text<Ticket>;
/// A bound that a ticket's half has to meet.
pub type TargetText = Text<Target>;
/// Cumulative work of a chain.
pub type WorkText = Text<ChainWork>;
/// An integer of 64 bits.
pub type U64Text = Text<u64>;
/// An integer of 128 bits.
pub type U128Text = Text<u128>;

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: TextForm> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: TextForm> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::parse(&String::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}

impl<T: TextForm> PartialSchema for Text<T> {
    fn schema() -> RefOr<Schema> {
        string_schema(T::PATTERN)
    }
}

impl<T: TextForm> ToSchema for Text<T> {
    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }
}

/// Bytes that JSON carries as lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex<T>(pub T);

/// Any number of bytes.
pub type BytesHex = Hex<Vec<u8>>;
/// A point of the curve G1: two coordinates of 48 bytes.
pub type PointHex = Hex<[u8; 96]>;
/// Thirty-two bytes: a public value of a job, or what was given for an address and need not be one.
pub type WordHex = Hex<[u8; 32]>;

/// What [`Hex`] can hold.
pub trait HexForm: AsRef<[u8]> + Sized {
    /// The name of its schema.
    const NAME: &'static str;
    /// What its text looks like.
    const PATTERN: &'static str;

    /// Reads the text, if it is hex of the right length.
    fn parse(text: &str) -> Option<Self>;
}

impl HexForm for Vec<u8> {
    const NAME: &'static str = "Bytes";
    const PATTERN: &'static str = "^([0-9a-f]{2})*$";

    fn parse(text: &str) -> Option<Self> {
        hex::decode(text).ok()
    }
}

impl HexForm for [u8; 32] {
    const NAME: &'static str = "Word";
    const PATTERN: &'static str = "^[0-9a-f]{64}$";

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).is_ok().then_some(bytes)
    }
}

impl HexForm for [u8; 96] {
    const NAME: &'static str = "Point";
    const PATTERN: &'static str = "^[0-9a-f]{192}$";

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 96];
        hex::decode_to_slice(text, &mut bytes).is_ok().then_some(bytes)
    }
}

impl<T: HexForm> fmt::Display for Hex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl<T: HexForm> Serialize for Hex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de, T: HexForm> Deserialize<'de> for Hex<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::parse(&text).map(Self).ok_or_else(|| {
            let (expected, got) = (T::PATTERN, text.chars().count());
            de::Error::custom(format!(
                "expected hexadecimal digits ({expected}), got {} of {got} characters",
                quoted(&text)
            ))
        })
    }
}

impl<T: HexForm> PartialSchema for Hex<T> {
    fn schema() -> RefOr<Schema> {
        string_schema(T::PATTERN)
    }
}

impl<T: HexForm> ToSchema for Hex<T> {
    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }
}

/// An address that JSON carries as `aleo1…`.
///
/// snarkVM's own texts cost a square root for each point, in both directions: seconds for a full
/// block. What a node shows was checked when it came in, so the bytes are enough. Code that takes
/// an address from an untrusted source must call [`Address::check`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressText(pub Address);

impl AddressText {
    const PREFIX: &'static str = "aleo";

    fn bytes(&self) -> &[u8] {
        &self.0.0
    }

    /// Reads `aleo1…`, all in lower or all in upper case (as QR codes have it). Whether the 32
    /// bytes are a point is not looked at.
    ///
    /// # Errors
    /// One line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_mixed = text.bytes().any(|byte| byte.is_ascii_lowercase())
            && text.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_mixed
            && text
                .get(..Self::PREFIX.len())
                .is_some_and(|prefix| prefix.eq_ignore_ascii_case(Self::PREFIX))
        {
            return Err(AddressError::MixedCase(text.chars().take(80).collect()).to_string());
        }
        let bytes = bech32m_bytes(Self::PREFIX, text);
        let refused =
            || format!("expected an address (aleo1…, 63 characters), got {}", quoted(text));
        Ok(Self(Address(bytes.ok_or_else(refused)?)))
    }
}

impl fmt::Display for AddressText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&bech32m(Self::PREFIX, self.bytes()).ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for AddressText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signature that JSON carries as `sign1…`. Whether its parts are points and scalars is not
/// looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureText(pub [u8; SignedTransaction::SIGNATURE_BYTES]);

impl SignatureText {
    const PREFIX: &'static str = "sign";

    fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads `sign1…`.
    ///
    /// # Errors
    /// One line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = bech32m_bytes(Self::PREFIX, text);
        let refused =
            || format!("expected a signature (sign1…, 216 characters), got {}", quoted(text));
        Ok(Self(bytes.ok_or_else(refused)?))
    }
}

impl fmt::Display for SignatureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&bech32m(Self::PREFIX, self.bytes()).ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for SignatureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! bech32m_json {
    ($($value:ty, $name:literal, $pattern:literal;)*) => {$(
        impl Serialize for $value {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = bech32m(Self::PREFIX, self.bytes())
                    .ok_or_else(|| ser::Error::custom("no Bech32m"))?;
                serializer.serialize_str(&text)
            }
        }

        impl<'de> Deserialize<'de> for $value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }

        impl PartialSchema for $value {
            fn schema() -> RefOr<Schema> {
                string_schema($pattern)
            }
        }

        impl ToSchema for $value {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

bech32m_json! {
    AddressText, "Address", "^aleo1[02-9ac-hj-np-z]{58}$";
    SignatureText, "Signature", "^sign1[02-9ac-hj-np-z]{211}$";
}

fn bech32m(prefix: &str, bytes: &[u8]) -> Option<String> {
    // The constants above are prefixes; a signature is longer than BIP 350's 90 characters, which
    // snarkVM does not mind.
    bech32::encode::<Bech32m>(Hrp::parse(prefix).ok()?, bytes).ok()
}

fn bech32m_bytes<const N: usize>(prefix: &str, text: &str) -> Option<[u8; N]> {
    // Longer than any that are written: not worth the checksum.
    const MAX_TEXT_BYTES: usize = 256;
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let checked = CheckedHrpstring::new::<Bech32m>(text).ok()?;
    if checked.hrp() != Hrp::parse(prefix).ok()? {
        return None;
    }
    checked.byte_iter().collect::<Vec<u8>>().try_into().ok()
}

fn string_schema(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .pattern(Some(pattern))
        .build()
        .into()
}

/// The schema of an integer of 64 bits in a request: a number or a decimal string.
pub(crate) fn integer_schema() -> Schema {
    let number = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
    OneOfBuilder::new()
        .item(number.minimum(Some(0)).maximum(Some(u64::MAX)))
        .item(u64_text_schema())
        .build()
        .into()
}

fn u64_text_schema() -> RefOr<Schema> {
    U64Text::schema()
}

/// Reads an integer of 64 bits that a request carries as a number or as a decimal string.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Visitor;

    impl de::Visitor<'_> for Visitor {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a whole number from 0 to {}, as a number or a decimal string", u64::MAX)
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            u64::parse(text).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Visitor)
}

/// As [`integer`], for a field that is written as a decimal string.
pub(crate) fn integer_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<U64Text, D::Error> {
    integer(deserializer).map(Text)
}

/// What came from outside, fit for an error: quoted, and never more than a line's worth.
pub fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// One printable line of at most [`MAX_LINE_CHARS`] characters, whatever came in: nothing in it
/// moves a cursor.
pub fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_LINE_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    printable(&line)
}

/// Why a value could not be read: the reason, and where in the value it applies. Deep nesting does
/// not hide the reason.
pub fn misread(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    match error.path().to_string().as_str() {
        "." => error.inner().to_string(),
        path => format!("{} at {}", error.inner(), path.chars().take(80).collect::<String>()),
    }
}

/// Text without what moves a cursor, or reorders or hides what follows: such characters are
/// replaced.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn is_unsafe(c: char) -> bool {
    let reorders = matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    c.is_control() || reorders
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: de::DeserializeOwned>(json: &str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn an_error_is_one_printable_line() {
        assert_eq!(one_line("two\r\n  lines\t here "), "two lines here");
        assert_eq!(one_line("\u{1b}[2Jcleared\u{202e}"), "\u{fffd}[2Jcleared\u{fffd}");
        assert_eq!(one_line("naïve — “fine”"), "naïve — “fine”");
        assert_eq!(one_line(&"é".repeat(10_000)).chars().count(), MAX_LINE_CHARS + 1);
        assert_eq!(quoted("a\"b\n"), r#""a\"b\n""#);
    }

    #[test]
    fn decimals_are_digits_in_a_string_and_nothing_else() {
        let most = u128::MAX.to_string();
        assert_eq!(read::<U128Text>(&format!("{most:?}")), Ok(Text(u128::MAX)));
        for bad in ["1", "\"-1\"", "\"+1\"", "\"1e3\"", "\" 1\"", "\"\"", "\"٣\"", "null"] {
            assert!(read::<U128Text>(bad).is_err() && read::<U64Text>(bad).is_err(), "{bad}");
            assert!(read::<TargetText>(bad).is_err(), "{bad}");
        }
        assert!(read::<U128Text>("\"340282366920938463463374607431768211456\"").is_err());
        assert!(
            read::<U64Text>("\"18446744073709551616\"")
                .unwrap_err()
                .contains("18446744073709551615")
        );
        assert!(read::<TargetText>("\"0\"").is_err());
    }

    #[test]
    fn an_integer_of_a_request_is_a_number_or_a_string() {
        let read = |json: &str| {
            let mut deserializer = serde_json::Deserializer::from_str(json);
            integer(&mut deserializer)
        };
        for good in ["7", "\"7\"", "\"007\""] {
            assert_eq!(read(good).unwrap(), 7);
        }
        for bad in [
            "-1",
            "1.0",
            "1e3",
            "\"+1\"",
            "\"0x1\"",
            "\"\"",
            "null",
            "true",
            "18446744073709551616",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_those_of_snarkvm() {
        let text = "aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf";
        let address: Address = text.parse().unwrap();
        assert_eq!(AddressText::parse(text), Ok(AddressText(address)));
        assert_eq!(AddressText(address).to_string(), text);
        assert_eq!(AddressText::parse(&text.to_uppercase()), Ok(AddressText(address)));
        let mixed = text.replacen("wvg", "WVG", 1);
        let other_prefix = bech32m("sign", &address.0).unwrap();
        let bech32 =
            bech32::encode::<bech32::Bech32>(Hrp::parse("aleo").unwrap(), &address.0).unwrap();
        let long = bech32m("aleo", &[7; 33]).unwrap();
        for bad in [
            "",
            "aleo1",
            &text[1..],
            &text[..62],
            &mixed,
            &other_prefix,
            &bech32,
            &long,
            &"🦀".repeat(300),
        ] {
            assert!(AddressText::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn points_have_96_bytes() {
        let point = "ab".repeat(96);
        assert_eq!(read::<PointHex>(&format!("{point:?}")), Ok(Hex([0xab; 96])));
        for bad in [
            "",
            &point[2..],
            &format!("{point}00"),
            &format!("{}g", &point[1..]),
            &format!("0x{}", &point[2..]),
        ] {
            assert!(read::<PointHex>(&format!("{bad:?}")).is_err(), "{bad}");
        }
        assert_eq!(read::<BytesHex>("\"\""), Ok(Hex(Vec::new())));
        assert!(read::<BytesHex>("\"abc\"").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            bytes: [u8; 32],
            low: [u8; 32],
            high: [u8; 32],
            wide: u128,
            any: Vec<u8>,
        ) {
            fn again<T: Serialize + de::DeserializeOwned>(value: &T) -> T {
                serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
            }
            let hash = Text(Hash(bytes));
            prop_assert_eq!(again(&hash), hash);
            let address = AddressText(Address(bytes));
            prop_assert_eq!(again(&address), address);
            let signature = SignatureText([low, high, low, high].concat().try_into().unwrap());
            prop_assert_eq!(again(&signature), signature);
            prop_assert_eq!(again(&Text(wide)), Text(wide));
            prop_assert_eq!(again(&Text(wide as u64)), Text(wide as u64));
            let point = Hex([low, high, low].concat().try_into().unwrap());
            prop_assert_eq!(again::<PointHex>(&point), point);
            prop_assert_eq!(again(&Hex(any.clone())), Hex(any));
        }

        #[test]
        fn no_line_holds_what_moves_a_cursor(text: String) {
            prop_assert!(!one_line(&text).chars().any(is_unsafe));
        }

        #[test]
        fn any_text_is_an_address_or_refused(text in "\\PC{0,80}") {
            prop_assert!(
                AddressText::parse(&text).is_err() && SignatureText::parse(&text).is_err()
            );
        }
    }
}
