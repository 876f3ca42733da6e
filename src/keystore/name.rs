//! Labels for accounts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name of an account, in bytes.
pub const MAX_NAME_BYTES: usize = 32;

/// A label for an account: 1 to 32 of `a`–`z`, `A`–`Z`, `0`–`9`, `-` and `_`, and nothing that
/// looks like an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

/// A text that cannot be an account's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a name of 1 to {MAX_NAME_BYTES} letters, digits, '-' and '_' that does not start \
     with aleo1"
)]
pub struct NameError;

impl AccountName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let well_formed = (1..=MAX_NAME_BYTES).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.to_ascii_lowercase().starts_with("aleo1");
        if well_formed { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }
}

impl TryFrom<String> for AccountName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_short_word_and_no_address() {
        for good in ["a", "alice", "Rig-7", "under_score", "0", "aleo", &"n".repeat(MAX_NAME_BYTES)]
        {
            assert_eq!(good.parse::<AccountName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            " ",
            "two words",
            "naïve",
            "a/b",
            "..",
            "a\nb",
            "aleo1x",
            "ALEO1x",
            &"n".repeat(MAX_NAME_BYTES + 1),
        ] {
            assert_eq!(bad.parse::<AccountName>(), Err(NameError), "{bad:?}");
        }
    }
}
