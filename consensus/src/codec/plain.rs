//! Encodings of plain values, and of records whose fields follow each other.

use super::{Decode, DecodeError, Encode, Reader};
use crate::Hash;

macro_rules! integers {
    ($($integer:ident),*) => {$(
        impl Encode for $integer {
            fn encode_into(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn encoded_len(&self) -> usize {
                size_of::<Self>()
            }
        }

        impl Decode for $integer {
            fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.array().map(Self::from_le_bytes)
            }
        }
    )*};
}

integers!(u8, u16, u32, u64);

impl Encode for bool {
    fn encode_into(&self, out: &mut Vec<u8>) {
        u8::from(*self).encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        1
    }
}

impl Decode for bool {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            got => Err(DecodeError::Invalid { what: "yes or no", got: got.into() }),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.is_some().encode_into(out);
        if let Some(value) = self {
            value.encode_into(out);
        }
    }

    fn encoded_len(&self) -> usize {
        self.as_ref().map_or(0, Encode::encoded_len).saturating_add(1)
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match bool::decode_from(reader)? {
            true => Some(T::decode_from(reader)?),
            false => None,
        })
    }
}

impl Encode for Hash {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }
}

impl Decode for Hash {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.hash()
    }
}

/// The encoding of a record: that of its fields, one after the other.
macro_rules! layout {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl $crate::codec::Encode for $type {
            fn encode_into(&self, out: &mut Vec<u8>) {
                $($crate::codec::Encode::encode_into(&self.$field, out);)*
            }

            fn encoded_len(&self) -> usize {
                0_usize$(.saturating_add($crate::codec::Encode::encoded_len(&self.$field)))*
            }
        }

        impl $crate::codec::Decode for $type {
            fn decode_from(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                Ok(Self { $($field: $crate::codec::Decode::decode_from(reader)?,)* })
            }
        }
    };
}

pub(crate) use layout;
