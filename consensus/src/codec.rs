//! The canonical encoding: fixed-width little-endian integers, `u32` counts, no padding, no
//! optional fields.
//!
//! By hand: these bytes are consensus. `bincode` and `borsh` leave limits of single counts to the
//! caller, and could change their bytes with a release; SSZ has offsets and SCALE counts of varying
//! length, which these bytes have not.
//!
//! What must not be broken: a decoder checks a count against its limit and against the bytes that
//! are left before it allocates, and refuses trailing bytes.

use crate::Hash;

mod plain;

pub(crate) use plain::layout;

/// Why bytes are not the canonical encoding of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input ends inside a field.
    #[error("the input ends early: {expected} bytes expected, {got} left")]
    Truncated {
        /// Bytes that the next field takes.
        expected: usize,
        /// Bytes that are left.
        got: usize,
    },
    /// The value is complete, and bytes follow it.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// A count or a length is above its limit.
    #[error("{what}: at most {limit} allowed, got {got}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The largest count allowed.
        limit: usize,
        /// The count in the input.
        got: usize,
    },
    /// A tag of no kind that this software knows.
    #[error("{what}: no kind with tag {tag} is known")]
    UnknownTag {
        /// What has kinds.
        what: &'static str,
        /// The tag in the input.
        tag: u8,
    },
    /// A version, flag or range that the protocol does not know.
    #[error("{what}: {got} is not allowed")]
    Invalid {
        what: &'static str,
        /// Its value in the input.
        got: u128,
    },
}

/// Writes the canonical bytes of a value.
pub trait Encode {
    /// Appends the canonical bytes to `out`.
    fn encode_into(&self, out: &mut Vec<u8>);

    /// The canonical bytes.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// How many canonical bytes there are: exactly `self.encode().len()`. Types whose size is asked
    /// for often know it without writing them.
    fn encoded_len(&self) -> usize {
        self.encode().len()
    }
}

/// Reads a value from its canonical bytes.
pub trait Decode: Sized {
    /// Reads the value and leaves the reader behind it.
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a value that takes up all of `bytes`.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode_from(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// A cursor over unchecked bytes.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes the next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::Truncated { expected: N, got: self.rest.len() });
        };
        self.rest = rest;
        Ok(*head)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    /// Takes a `u16`.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Takes a `u32`.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes a `u64`.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes a `u128`.
    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        self.array().map(u128::from_le_bytes)
    }

    /// Takes 32 bytes as a hash.
    pub fn hash(&mut self) -> Result<Hash, DecodeError> {
        self.array().map(Hash)
    }

    /// Takes a `u32` count and that many items, none shorter than `min_item_bytes`. The count is
    /// held to `limit` and to the bytes that are left before anything is allocated.
    pub fn list<T: Decode>(
        &mut self,
        what: &'static str,
        limit: usize,
        min_item_bytes: usize,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u32()?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.items(count, what, limit, min_item_bytes)
    }

    /// Takes a `u16` count and that many items, as [`Self::list`] does.
    pub fn list16<T: Decode>(
        &mut self,
        what: &'static str,
        limit: usize,
        min_item_bytes: usize,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u16()?;
        self.items(count.into(), what, limit, min_item_bytes)
    }

    /// The same for the list of a leaf, which is not there when its list is empty.
    pub fn filled16<T: Decode>(
        &mut self,
        what: &'static str,
        limit: usize,
        min_item_bytes: usize,
    ) -> Result<Vec<T>, DecodeError> {
        let items = self.list16(what, limit, min_item_bytes)?;
        if items.is_empty() { Err(DecodeError::Invalid { what, got: 0 }) } else { Ok(items) }
    }

    /// Takes a `u8` count and that many items, as [`Self::list`] does.
    pub fn list8<T: Decode>(
        &mut self,
        what: &'static str,
        limit: usize,
        min_item_bytes: usize,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u8()?;
        self.items(count.into(), what, limit, min_item_bytes)
    }

    fn items<T: Decode>(
        &mut self,
        count: usize,
        what: &'static str,
        limit: usize,
        min_item_bytes: usize,
    ) -> Result<Vec<T>, DecodeError> {
        self.claimed(count, what, limit, min_item_bytes)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::decode_from(self)?);
        }
        Ok(items)
    }

    /// Takes a `u16` count and that many bytes.
    pub fn bytes16(&mut self, what: &'static str, limit: usize) -> Result<Vec<u8>, DecodeError> {
        let count = self.u16()?.into();
        self.claimed(count, what, limit, 1)?;
        let refused = DecodeError::Truncated { expected: count, got: self.rest.len() };
        let (head, rest) = self.rest.split_at_checked(count).ok_or(refused)?;
        self.rest = rest;
        Ok(head.to_vec())
    }

    /// Holds a count to its limit and to the bytes that are left.
    fn claimed(
        &self,
        count: usize,
        what: &'static str,
        limit: usize,
        min_item_bytes: usize,
    ) -> Result<(), DecodeError> {
        if count > limit {
            return Err(DecodeError::TooMany { what, limit, got: count });
        }
        let expected = count.saturating_mul(min_item_bytes);
        if self.rest.len() < expected {
            return Err(DecodeError::Truncated { expected, got: self.rest.len() });
        }
        Ok(())
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rest).to_vec()
    }

    /// Checks that nothing is left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}

/// Appends a `u32` count and the items' canonical bytes.
///
/// A list of more than `u32::MAX` items cannot be built under the consensus limits; its count would
/// saturate, and the decoder refuse it.
pub fn encode_list<T: Encode>(items: &[T], out: &mut Vec<u8>) {
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&count.to_le_bytes());
    for item in items {
        item.encode_into(out);
    }
}

/// How many bytes [`encode_list`] writes.
pub fn encoded_list_len<T: Encode>(items: &[T]) -> usize {
    items.iter().fold(4, |bytes: usize, item| bytes.saturating_add(item.encoded_len()))
}

/// Appends a `u16` count and the items' canonical bytes; as of [`encode_list`], a longer list would
/// be refused by the decoder.
pub fn encode_list16<T: Encode>(items: &[T], out: &mut Vec<u8>) {
    u16::try_from(items.len()).unwrap_or(u16::MAX).encode_into(out);
    for item in items {
        item.encode_into(out);
    }
}

/// How many bytes [`encode_list16`] writes.
pub fn encoded_list16_len<T: Encode>(items: &[T]) -> usize {
    items.iter().fold(2, |bytes: usize, item| bytes.saturating_add(item.encoded_len()))
}

/// Appends a `u8` count and the items' canonical bytes; as of [`encode_list`], a longer list would
/// be refused by the decoder.
pub fn encode_list8<T: Encode>(items: &[T], out: &mut Vec<u8>) {
    u8::try_from(items.len()).unwrap_or(u8::MAX).encode_into(out);
    for item in items {
        item.encode_into(out);
    }
}

/// How many bytes [`encode_list8`] writes.
pub fn encoded_list8_len<T: Encode>(items: &[T]) -> usize {
    items.iter().fold(1, |bytes: usize, item| bytes.saturating_add(item.encoded_len()))
}

/// Appends a `u16` count and the bytes; as of [`encode_list`], more would be refused by the
/// decoder.
pub fn encode_bytes16(bytes: &[u8], out: &mut Vec<u8>) {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).encode_into(out);
    out.extend_from_slice(bytes);
}

/// How many bytes [`encode_bytes16`] writes.
pub fn encoded_bytes16_len(bytes: &[u8]) -> usize {
    bytes.len().saturating_add(2)
}
