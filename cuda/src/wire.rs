//! What passes between the miner and a device's process. Both are the same program, so there is no
//! version.
//!
//! A request has a fixed length. A reply is a tag, the length of what follows (`u32le`, at most
//! [`MAX_PAYLOAD`]), and that. Integers and floating-point numbers are little-endian.

use std::io::{self, Read, Write};

use lode_puzzle::{Attempt, Proof, Seed, Statement, Target, Ticket, VoidAttempt};
use serde::Serialize;

use crate::constants::{
    RECORD_COMMITMENT, RECORD_OPENING, RECORD_POINT, RECORD_VALUE, RECORD_WORDS, VOID_INFINITY,
    VOID_POINT,
};

/// Batches that a device works on at the same time.
pub(crate) const LANES: usize = 2;
/// Most attempts in a batch.
pub(crate) const MAX_BATCH: u32 = 1024;
/// Batches that a worker has, at most: one for each of its lanes, and one that is ready when a lane
/// becomes free.
pub(crate) const IN_FLIGHT: usize = LANES + 1;
/// Longest text that a worker complains with.
pub(crate) const MAX_TEXT: usize = 1000;
pub(crate) const RECORD_BYTES: usize = 8 * RECORD_WORDS;

const REQUEST_BYTES: usize = 32 + 8 + 4 + 16 + 16;
const BATCH_HEAD: usize = 4 + 4 * Stages::COUNT;
const MAX_PAYLOAD: usize = BATCH_HEAD + MAX_BATCH as usize * RECORD_BYTES;

const READY: u8 = 1;
const BATCH: u8 = 2;
const FAILED: u8 = 3;

/// A batch to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) statement: Statement,
    /// The nonces count up from here; past the last one, from 0.
    pub(crate) first_nonce: u64,
    /// Attempts, 1 to the worker's batch size.
    pub(crate) count: u32,
    pub(crate) block_target: Target,
    pub(crate) share_target: Target,
}

impl Request {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(REQUEST_BYTES);
        bytes.extend(self.statement.0);
        bytes.extend(self.first_nonce.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.block_target.get().to_le_bytes());
        bytes.extend(self.share_target.get().to_le_bytes());
        to.write_all(&bytes)?;
        to.flush()
    }

    /// `None` where the pipe is closed.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; REQUEST_BYTES];
        match from.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            outcome => outcome?,
        }
        let mut rest = &bytes[..];
        let request = Self {
            statement: Statement(take(&mut rest)?),
            first_nonce: u64::from_le_bytes(take(&mut rest)?),
            count: u32::from_le_bytes(take(&mut rest)?),
            block_target: Target::new(u128::from_le_bytes(take(&mut rest)?))
                .ok_or_else(malformed)?,
            share_target: Target::new(u128::from_le_bytes(take(&mut rest)?))
                .ok_or_else(malformed)?,
        };
        Ok(Some(request))
    }
}

/// How long the stages of a batch took on the device, in milliseconds. Batches of two lanes
/// overlap, and then their stages take longer than alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Stages {
    /// Seeds, and two vectors from each.
    pub expand_ms: f32,
    /// Six transforms and what is between them.
    pub quotient_ms: f32,
    /// The first MSM.
    pub commitment_ms: f32,
    /// The point, and the division by X - z.
    pub point_ms: f32,
    /// The second MSM.
    pub opening_ms: f32,
    /// The ticket and its targets.
    pub ticket_ms: f32,
}

impl Stages {
    /// Number of stages.
    pub(crate) const COUNT: usize = 6;

    pub(crate) fn from_array(
        [expand, quotient, commitment, point, opening, ticket]: [f32; Self::COUNT],
    ) -> Self {
        Self {
            expand_ms: expand,
            quotient_ms: quotient,
            commitment_ms: commitment,
            point_ms: point,
            opening_ms: opening,
            ticket_ms: ticket,
        }
    }

    pub(crate) fn to_array(self) -> [f32; Self::COUNT] {
        [
            self.expand_ms,
            self.quotient_ms,
            self.commitment_ms,
            self.point_ms,
            self.opening_ms,
            self.ticket_ms,
        ]
    }

    /// All stages of one batch.
    pub fn total_ms(self) -> f32 {
        self.to_array().iter().sum()
    }
}

/// An attempt that met a target, as the device's memory had it: nothing about it is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its place in the batch.
    pub(crate) index: u32,
    /// Bits `VOID_…`; zero unless the attempt is void.
    state: u32,
    point: [u8; 32],
    value: [u8; 32],
    proof: Proof,
}

impl Record {
    /// Reads what `attempt_filter` wrote. `None` if the length is another one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != RECORD_BYTES {
            return None;
        }
        let mut head = bytes;
        Some(Self {
            index: u32::from_le_bytes(take(&mut head).ok()?),
            state: u32::from_le_bytes(take(&mut head).ok()?),
            point: part(bytes, RECORD_POINT)?,
            value: part(bytes, RECORD_VALUE)?,
            proof: Proof {
                commitment: part(bytes, RECORD_COMMITMENT)?,
                opening: part(bytes, RECORD_OPENING)?,
            },
        })
    }

    /// The attempt; seed and ticket are computed here, and not taken from the device.
    ///
    /// # Errors
    /// Why the attempt is void.
    pub(crate) fn attempt(
        &self,
        statement: &Statement,
        nonce: u64,
    ) -> Result<Attempt, VoidAttempt> {
        if self.state & VOID_POINT != 0 {
            return Err(VoidAttempt::PointInDomain);
        }
        if self.state & VOID_INFINITY != 0 {
            let is_commitment = self.proof.commitment == [0; 96];
            return Err(if is_commitment {
                VoidAttempt::CommitmentAtInfinity
            } else {
                VoidAttempt::OpeningAtInfinity
            });
        }
        let seed = Seed::new(statement, nonce);
        let ticket = Ticket::new(&seed, &self.proof);
        Ok(Attempt { nonce, seed, proof: self.proof, point: self.point, value: self.value, ticket })
    }
}

/// A batch that was made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    /// Attempts made.
    pub(crate) count: u32,
    pub(crate) stages: Stages,
    pub(crate) winners: Vec<Record>,
}

/// What a worker says. Batches come in the order of their requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// Once, at first: it takes batches of up to this many attempts.
    Ready {
        batch: u32,
    },
    Batch(Batch),
    /// Its last words.
    Failed(String),
}

/// Writes [`Reply::Ready`].
pub(crate) fn write_ready(to: &mut impl Write, batch: u32) -> io::Result<()> {
    write_reply(to, READY, &[&batch.to_le_bytes()])
}

/// Writes [`Reply::Batch`], its records as they came from the device.
pub(crate) fn write_batch(
    to: &mut impl Write,
    count: u32,
    stages: Stages,
    records: &[u8],
) -> io::Result<()> {
    let stages = stages.to_array().map(f32::to_le_bytes);
    write_reply(to, BATCH, &[&count.to_le_bytes(), stages.as_flattened(), records])
}

/// Writes [`Reply::Failed`], cut to [`MAX_TEXT`].
pub(crate) fn write_failed(to: &mut impl Write, text: &str) -> io::Result<()> {
    write_reply(to, FAILED, &[&text.as_bytes()[..text.floor_char_boundary(MAX_TEXT)]])
}

fn write_reply(to: &mut impl Write, tag: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).map_err(io::Error::other)?;
    to.write_all(&[tag])?;
    to.write_all(&length.to_le_bytes())?;
    parts.iter().try_for_each(|part| to.write_all(part))?;
    to.flush()
}

impl Reply {
    /// `None` where the pipe is closed between two replies.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let (mut tag, mut length) = ([0], [0; 4]);
        if from.read(&mut tag)? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        let most = match tag {
            [READY] => 4,
            [BATCH] => MAX_PAYLOAD,
            [FAILED] => MAX_TEXT,
            _ => 0,
        };
        if length > most {
            return Err(malformed());
        }
        let mut payload = vec![0; length];
        from.read_exact(&mut payload)?;
        let mut rest = &payload[..];
        let reply = match tag {
            [READY] => Self::Ready { batch: u32::from_le_bytes(take(&mut rest)?) },
            [BATCH] => {
                let count = u32::from_le_bytes(take(&mut rest)?);
                let mut stages = [0.0; Stages::COUNT];
                for stage in &mut stages {
                    *stage = f32::from_le_bytes(take(&mut rest)?);
                }
                let (records, remainder) = rest.as_chunks::<RECORD_BYTES>();
                let winners =
                    records.iter().map(|record| Record::parse(record)).collect::<Option<_>>();
                rest = remainder;
                Self::Batch(Batch {
                    count,
                    stages: Stages::from_array(stages),
                    winners: winners.ok_or_else(malformed)?,
                })
            }
            [FAILED] => Self::Failed(printable(std::mem::take(&mut rest))),
            _ => return Err(malformed()),
        };
        if rest.is_empty() { Ok(Some(reply)) } else { Err(malformed()) }
    }
}

/// Text for a terminal, on one line: what may come from a driver, or from a process gone wrong.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().chars().filter(|letter| !letter.is_control()).collect()
}

/// Takes the next bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> io::Result<[u8; N]> {
    let (head, tail) = rest.split_first_chunk().ok_or_else(malformed)?;
    *rest = tail;
    Ok(*head)
}

/// The part of a record that begins with this word.
fn part<const N: usize>(record: &[u8], word: usize) -> Option<[u8; N]> {
    record.get(8 * word..)?.first_chunk().copied()
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a message that no worker of this version sends")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(index: u32, state: u32) -> Vec<u8> {
        let head = (u64::from(state) << 32 | u64::from(index)).to_le_bytes();
        [&head[..], &[1; 96], &[2; 32], &[3; 32], &[4; 96]].concat()
    }

    fn batch() -> Vec<u8> {
        let stages = Stages::from_array([1.0, 2.0, 3.0, 4.0, 5.0, 6.5]);
        let mut bytes = Vec::new();
        write_batch(&mut bytes, 9, stages, &[record(3, 0), record(8, 0)].concat()).unwrap();
        bytes
    }

    #[test]
    fn requests_survive_the_pipe() {
        let request = Request {
            statement: Statement([7; 32]),
            first_nonce: u64::MAX - 1,
            count: 12,
            block_target: Target::MIN,
            share_target: Target::MAX,
        };
        let mut bytes = Vec::new();
        request.write(&mut bytes).unwrap();
        request.write(&mut bytes).unwrap();
        let mut pipe = &bytes[..];
        assert_eq!(Request::read(&mut pipe).unwrap(), Some(request));
        assert_eq!(Request::read(&mut pipe).unwrap(), Some(request));
        assert_eq!(Request::read(&mut pipe).unwrap(), None);
        // A target of zero is none.
        bytes[44..60].fill(0);
        assert!(Request::read(&mut &bytes[..]).is_err());
    }

    #[test]
    fn replies_survive_the_pipe() {
        let mut bytes = Vec::new();
        write_ready(&mut bytes, 77).unwrap();
        bytes.extend(batch());
        write_failed(&mut bytes, &"ä".repeat(MAX_TEXT)).unwrap();
        let mut pipe = &bytes[..];
        assert_eq!(Reply::read(&mut pipe).unwrap(), Some(Reply::Ready { batch: 77 }));
        let Some(Reply::Batch(batch)) = Reply::read(&mut pipe).unwrap() else { panic!("no batch") };
        assert_eq!((batch.count, batch.stages.total_ms()), (9, 21.5));
        assert_eq!(batch.winners.iter().map(|winner| winner.index).collect::<Vec<_>>(), [3, 8]);
        let attempt = batch.winners[0].attempt(&Statement([9; 32]), 5).unwrap();
        assert_eq!((attempt.proof.commitment, attempt.proof.opening), ([1; 96], [4; 96]));
        assert_eq!((attempt.point, attempt.value), ([2; 32], [3; 32]));
        assert_eq!(attempt.seed, Seed::new(&Statement([9; 32]), 5));
        assert_eq!(attempt.ticket, Ticket::new(&attempt.seed, &attempt.proof));
        assert_eq!(Reply::read(&mut pipe).unwrap(), Some(Reply::Failed("ä".repeat(MAX_TEXT / 2))));
        assert_eq!(Reply::read(&mut pipe).unwrap(), None);
    }

    #[test]
    fn last_words_do_not_move_the_cursor() {
        let mut bytes = Vec::new();
        write_failed(&mut bytes, "\x1b[2Jout of\nmemory\x07\n").unwrap();
        assert_eq!(
            Reply::read(&mut &bytes[..]).unwrap(),
            Some(Reply::Failed("[2Jout ofmemory".to_owned()))
        );
    }

    #[test]
    fn void_attempts_say_why() {
        let void = |state, commitment| {
            let mut bytes = record(0, state);
            bytes[8..104].fill(commitment);
            Record::parse(&bytes).unwrap().attempt(&Statement([0; 32]), 0).unwrap_err()
        };
        assert_eq!(void(1, 0), VoidAttempt::CommitmentAtInfinity);
        assert_eq!(void(1, 5), VoidAttempt::OpeningAtInfinity);
        assert_eq!(void(2, 5), VoidAttempt::PointInDomain);
    }

    #[test]
    fn nothing_malformed_is_read_and_nothing_large_allocated() {
        let good = batch();
        for length in 1..good.len() {
            assert!(Reply::read(&mut &good[..length]).is_err(), "cut to {length} bytes");
        }
        for (tag, length) in [
            (0, 0u32),
            (READY, 3),
            (READY, 5),
            (BATCH, 27),
            (BATCH, u32::MAX),
            (FAILED, 1001),
            (9, 4),
        ] {
            let mut bytes = vec![tag];
            bytes.extend(length.to_le_bytes());
            bytes.extend([0; 64]);
            assert!(Reply::read(&mut &bytes[..]).is_err(), "tag {tag}, {length} bytes");
        }
        // Part of a record.
        let mut bytes = good.clone();
        bytes[1..5].copy_from_slice(&(BATCH_HEAD as u32 + 100).to_le_bytes());
        assert!(Reply::read(&mut &bytes[..]).is_err());
        assert_eq!(Record::parse(&record(0, 0)[1..]), None);
        assert_eq!(Record::parse(&[record(0, 0), vec![0]].concat()), None);
    }
}
