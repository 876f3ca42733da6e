//! What happens now: the messages of `GET /{network}/events`, a stream of server-sent events.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    job_event::JobEvent,
    text::{AddressText, HashText},
};

/// What a message's `id` names: a place in the events of one run of a node. The next connection
/// passes the last one as `Last-Event-ID`, and gets what came after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// Which run of the node: when it began, in ms since the Unix epoch.
    pub run: u64,
    /// How many events there had been in it, this one included.
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.number)
    }
}

/// A text that is no event's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an event's id: two whole numbers with a '-' between them")]
pub struct EventIdError;

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use crate::text::TextForm;

        let (run, number) = text.split_once('-').ok_or(EventIdError)?;
        let read = |digits| u64::parse(digits).map_err(|_| EventIdError);
        Ok(Self { run: read(run)?, number: read(number)? })
    }
}

/// A message: its `event` field names the variant, its `data` is the variant's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A block became the tip.
    Block(BlockEvent),
    /// The chain goes on with another branch.
    Reorg(ReorgEvent),
    /// Something happened to a job in the block that became the tip.
    Job(JobEvent),
    /// A transaction came to wait for a block.
    Transaction(TransactionEvent),
    /// A share came to wait for a block.
    Share(ShareEvent),
    /// Events before this one are not told.
    Lagged(LaggedEvent),
}

impl Event {
    /// The `event` field.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Block(_) => "block",
            Self::Reorg(_) => "reorg",
            Self::Job(_) => "jobs",
            Self::Transaction(_) => "transaction",
            Self::Share(_) => "share",
            Self::Lagged(_) => "lagged",
        }
    }

    /// The `data` field: JSON on one line.
    ///
    /// # Errors
    /// None that is known: the content is plain.
    pub fn data(&self) -> serde_json::Result<String> {
        match self {
            Self::Block(data) => serde_json::to_string(data),
            Self::Reorg(data) => serde_json::to_string(data),
            Self::Job(data) => serde_json::to_string(data),
            Self::Transaction(data) => serde_json::to_string(data),
            Self::Share(data) => serde_json::to_string(data),
            Self::Lagged(data) => serde_json::to_string(data),
        }
    }

    /// A message from its two fields; none for a name that this version does not know, which a
    /// reader passes over.
    ///
    /// # Errors
    /// The data is not what the name promises.
    pub fn parse(name: &str, data: &str) -> serde_json::Result<Option<Self>> {
        Ok(Some(match name {
            "block" => Self::Block(serde_json::from_str(data)?),
            "reorg" => Self::Reorg(serde_json::from_str(data)?),
            "jobs" => Self::Job(serde_json::from_str(data)?),
            "transaction" => Self::Transaction(serde_json::from_str(data)?),
            "share" => Self::Share(serde_json::from_str(data)?),
            "lagged" => Self::Lagged(serde_json::from_str(data)?),
            _ => return Ok(None),
        }))
    }
}

/// A block became the tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockEvent {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: HashText,
    /// Its epoch.
    pub epoch: u32,
    /// Who made it.
    pub producer: AddressText,
    /// How many shares it includes.
    pub shares: u64,
    /// How many transactions it includes.
    pub transactions: u64,
}

/// The chain goes on with another branch: what a listener knows of `height` and above is void. The
/// blocks of the branch follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReorgEvent {
    /// The tip that was left.
    pub from: HashText,
    /// The first block of the other branch.
    pub to: HashText,
    /// Its height.
    pub height: u32,
}

/// A transaction came to wait for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionEvent {
    /// Its id.
    pub id: HashText,
}

/// A share came to wait for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShareEvent {
    /// Who proved.
    pub prover: AddressText,
    /// The height that it was mined for.
    pub height: u32,
}

/// The listener was too slow, or away for too long: it should ask for what it needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaggedEvent {
    /// How many events are not told; null if the node was restarted since, so that nobody knows.
    pub missed: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_two_numbers() {
        let id = EventId { run: 1_795_370_709_123, number: u64::MAX };
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in
            ["", "-", "1", "1-", "-1", "1-2-3", "+1-2", "1- 2", "a-b", "18446744073709551616-1"]
        {
            assert_eq!(bad.parse::<EventId>(), Err(EventIdError), "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_message_is_passed_over() {
        assert_eq!(Event::parse("proof", "{}").unwrap(), None);
        assert!(Event::parse("lagged", "{}").is_ok(), "a missing number is none");
        assert!(Event::parse("block", "{}").is_err());
    }
}
