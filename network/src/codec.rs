//! The bytes of messages: canonical, written by hand over `lode-consensus`'s codec.
//!
//! What must not be broken: an input is held to its cap before it is decoded, a count to its limit
//! and to the bytes that are left before anything is allocated, and what decodes encodes to the
//! same bytes.

use lode_consensus::{
    Body, ChainWork, Decode, DecodeError, Encode, Hash, SealedHeader, Share, SignedTransaction,
    codec::{Reader, encode_list, encoded_list_len},
};

use crate::message::{
    Gossip, MAX_BODIES, MAX_BODIES_BYTES, MAX_HEADERS, MAX_LOCATOR, MAX_MEMPOOL_PAGE, MempoolPage,
    Request, RequestKind, Response, Status, Topic,
};

/// First byte of a response: no time.
const BUSY: u8 = 0;
/// First byte of a response: the answer follows.
const ANSWER: u8 = 1;

impl Gossip {
    /// The message's bytes. The topic says of which kind they are.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Block(header) => header.encode(),
            Self::Share(share) => share.encode(),
            Self::Transaction(signed) => signed.encode(),
        }
    }

    /// Reads a topic's message.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are over the topic's cap or not canonical.
    pub fn decode(topic: Topic, bytes: &[u8]) -> Result<Self, DecodeError> {
        within("gossip bytes", topic.max_bytes(), bytes)?;
        match topic {
            Topic::Blocks => SealedHeader::decode(bytes).map(Self::Block),
            Topic::Shares => Share::decode(bytes).map(Self::Share),
            Topic::Transactions => SignedTransaction::decode(bytes).map(Self::Transaction),
        }
    }
}

impl Encode for Status {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.genesis_hash.0);
        out.extend_from_slice(&self.tip_height.to_le_bytes());
        out.extend_from_slice(&self.tip_hash.0);
        self.work.encode_into(out);
        out.extend_from_slice(&self.now_ms.to_le_bytes());
    }
}

impl Decode for Status {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: reader.u16()?,
            genesis_hash: reader.hash()?,
            tip_height: reader.u32()?,
            tip_hash: reader.hash()?,
            work: ChainWork::decode_from(reader)?,
            now_ms: reader.u64()?,
        })
    }
}

impl Request {
    /// The request's bytes. The protocol says of which kind they are.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Status(status) => status.encode_into(&mut out),
            Self::Headers { locator, limit } => {
                encode_hashes(locator, &mut out);
                out.extend_from_slice(&limit.to_le_bytes());
            }
            Self::Bodies { hashes } => encode_hashes(hashes, &mut out),
            Self::Mempool { skip } => out.extend_from_slice(&skip.to_le_bytes()),
        }
        out
    }

    /// Reads a request of a kind.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are over the kind's cap or not canonical.
    pub fn decode(kind: RequestKind, bytes: &[u8]) -> Result<Self, DecodeError> {
        within("request bytes", kind.max_request_bytes(), bytes)?;
        let mut reader = Reader::new(bytes);
        let request = match kind {
            RequestKind::Status => Self::Status(Status::decode_from(&mut reader)?),
            RequestKind::Headers => {
                let locator = decode_hashes("locator", MAX_LOCATOR, &mut reader)?;
                let limit = reader.u16()?;
                if !(1..=MAX_HEADERS).contains(&usize::from(limit)) {
                    return Err(DecodeError::Invalid {
                        what: "headers asked for",
                        got: limit.into(),
                    });
                }
                Self::Headers { locator, limit }
            }
            RequestKind::Bodies => {
                Self::Bodies { hashes: decode_hashes("bodies asked for", MAX_BODIES, &mut reader)? }
            }
            RequestKind::Mempool => Self::Mempool { skip: reader.u32()? },
        };
        reader.finish()?;
        Ok(request)
    }
}

impl Response {
    /// The response's bytes. The protocol says of which kind they are.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![ANSWER];
        match self {
            Self::Status(status) => status.encode_into(&mut out),
            Self::Headers(headers) => encode_list(headers, &mut out),
            Self::Bodies(bodies) => {
                encode_count(bodies.len(), &mut out);
                for body in bodies {
                    out.push(body.is_some().into());
                    if let Some(body) = body {
                        body.encode_into(&mut out);
                    }
                }
            }
            Self::Mempool(page) => page.encode_into(&mut out),
            Self::Busy => out = vec![BUSY],
        }
        out
    }

    /// Reads a response to a request of a kind.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are over the kind's cap or not canonical.
    pub fn decode(kind: RequestKind, bytes: &[u8]) -> Result<Self, DecodeError> {
        within("response bytes", kind.max_response_bytes(), bytes)?;
        let mut reader = Reader::new(bytes);
        let response = if flag("response tag", &mut reader)? {
            match kind {
                RequestKind::Status => Self::Status(Status::decode_from(&mut reader)?),
                RequestKind::Headers => {
                    Self::Headers(reader.list("headers", MAX_HEADERS, SealedHeader::BYTES)?)
                }
                RequestKind::Bodies => Self::Bodies(decode_bodies(&mut reader)?),
                RequestKind::Mempool => Self::Mempool(MempoolPage::decode_from(&mut reader)?),
            }
        } else {
            Self::Busy
        };
        reader.finish()?;
        Ok(response)
    }

    /// The bodies from the front that one response may hold: as many as fit into
    /// [`MAX_BODIES_BYTES`]. Always one at least, since no body is as long.
    pub fn bodies(bodies: impl IntoIterator<Item = Option<Body>>) -> Self {
        let mut bytes = 0;
        let fitting = bodies.into_iter().take(MAX_BODIES).take_while(|body| {
            bytes += 1 + body.as_ref().map_or(0, Body::encoded_len);
            bytes <= MAX_BODIES_BYTES
        });
        Self::Bodies(fitting.collect())
    }
}

fn decode_bodies(reader: &mut Reader<'_>) -> Result<Vec<Option<Body>>, DecodeError> {
    let count = decode_count("bodies", MAX_BODIES, reader)?;
    let mut bodies = Vec::with_capacity(count);
    for _ in 0..count {
        bodies.push(if flag("body", reader)? { Some(Body::decode_from(reader)?) } else { None });
    }
    Ok(bodies)
}

impl Encode for MempoolPage {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list(&self.shares, out);
        encode_list(&self.transactions, out);
        out.push(self.more.into());
    }

    fn encoded_len(&self) -> usize {
        encoded_list_len(&self.shares)
            .saturating_add(encoded_list_len(&self.transactions))
            .saturating_add(1)
    }
}

impl Decode for MempoolPage {
    /// The kind's cap holds the page to
    /// [`MAX_MEMPOOL_PAGE_BYTES`](crate::message::MAX_MEMPOOL_PAGE_BYTES).
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let shares: Vec<Share> = reader.list("waiting shares", MAX_MEMPOOL_PAGE, Share::BYTES)?;
        let limit = MAX_MEMPOOL_PAGE - shares.len();
        let transactions =
            reader.list("waiting transactions", limit, SignedTransaction::MIN_BYTES)?;
        Ok(Self { shares, transactions, more: flag("more", reader)? })
    }
}

fn encode_hashes(hashes: &[Hash], out: &mut Vec<u8>) {
    encode_count(hashes.len(), out);
    for hash in hashes {
        out.extend_from_slice(&hash.0);
    }
}

/// At least one hash.
fn decode_hashes(
    what: &'static str,
    limit: usize,
    reader: &mut Reader<'_>,
) -> Result<Vec<Hash>, DecodeError> {
    match decode_count(what, limit, reader)? {
        0 => Err(DecodeError::Invalid { what, got: 0 }),
        count => (0..count).map(|_| reader.hash()).collect(),
    }
}

/// A list that is too long to count is refused by its reader.
fn encode_count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn decode_count(
    what: &'static str,
    limit: usize,
    reader: &mut Reader<'_>,
) -> Result<usize, DecodeError> {
    let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if count > limit {
        return Err(DecodeError::TooMany { what, limit, got: count });
    }
    Ok(count)
}

fn flag(what: &'static str, reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.u8()? {
        BUSY => Ok(false),
        ANSWER => Ok(true),
        got => Err(DecodeError::Invalid { what, got: got.into() }),
    }
}

fn within(what: &'static str, limit: usize, bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooMany { what, limit, got: bytes.len() });
    }
    Ok(())
}
