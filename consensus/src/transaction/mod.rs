//! Transactions: one envelope for all kinds, signed with Aleo keys (specification section 3).
//!
//! [`Transaction`] is the envelope: who pays, what, in which order and until when. [`Action`] is
//! what it asks for, one variant and one file for each kind. Everything outside this crate that
//! holds, passes on, orders or counts transactions goes by the envelope and by what every kind
//! answers alike: [`encoded_len`](Encode::encoded_len), [`Transaction::check_static`],
//! [`Transaction::cost`] and [`Transaction::parties`].
//!
//! What must not be broken: a kind that this software does not know is refused by the decoder, by
//! its tag; and no signed transaction has more than [`MAX_TRANSACTION_BYTES`], whichever way it
//! comes.

mod error;
mod signed;
mod transfer;

pub use crate::signature::{SignatureClaim, SignatureError};
pub use error::StaticError;
pub use signed::{HashedTransaction, SignedTransaction};
pub use transfer::Transfer;

use crate::{
    Address, Hash, Height,
    codec::{Decode, DecodeError, Encode, Reader},
    params::MAX_TRANSACTION_BYTES,
    signature::SIGNATURE_BYTES,
};

/// What an account asks the chain to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The address that pays and signs.
    pub from: Address,
    /// What the block's producer receives, in microcredits.
    pub fee: u64,
    /// How many transactions `from` has made before: each nonce is used once, in order.
    pub nonce: u64,
    /// The last height at which the transaction is valid.
    pub expiry: Height,
    /// What is asked for.
    pub action: Action,
}

/// What a transaction asks for. Each kind has a tag of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Moves public credits.
    Transfer(Transfer),
}

type BodyDecoder = fn(&mut Reader<'_>) -> Result<Action, DecodeError>;

impl Action {
    /// Bytes of the shortest body of all kinds.
    const MIN_BYTES: usize = Transfer::BYTES;

    /// The first byte of the transaction.
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Transfer(_) => Transfer::TAG,
        }
    }

    /// The kind's name, for people and for JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transfer(_) => "transfer",
        }
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Transfer(transfer) => transfer.encode_into(out),
        }
    }

    fn body_len(&self) -> usize {
        match self {
            Self::Transfer(transfer) => transfer.encoded_len(),
        }
    }

    /// The decoder of a kind's body: the one place that knows which tags there are.
    fn decoder(tag: u8) -> Result<BodyDecoder, DecodeError> {
        match tag {
            Transfer::TAG => Ok(|reader| Transfer::decode_from(reader).map(Self::Transfer)),
            tag => Err(DecodeError::UnknownTag { what: "transaction", tag }),
        }
    }
}

impl Transaction {
    /// Bytes of the envelope: what every kind has besides its body.
    const ENVELOPE_BYTES: usize = 1 + Address::BYTES + 8 + 8 + 4;

    /// The transaction's id, which is also the message that `from` signs:
    /// `B256("lode/tx/v1" ‖ genesis_hash ‖ transaction)`.
    pub fn id(&self, genesis_hash: &Hash) -> Hash {
        Hash::of("lode/tx/v1", &[&genesis_hash.0, &self.encode()])
    }

    /// Checks form and ranges, as far as no state is needed for it.
    pub fn check_static(&self) -> Result<(), StaticError> {
        check_size(self.encoded_len().saturating_add(SIGNATURE_BYTES))?;
        match &self.action {
            Action::Transfer(transfer) => transfer.check_static()?,
        }
        self.cost().map(|_| ())
    }

    /// What leaves the sender's balance, in microcredits: the fee, and what the action takes.
    pub fn cost(&self) -> Result<u64, StaticError> {
        let (what, taken) = match &self.action {
            Action::Transfer(transfer) => ("amount + fee", transfer.amount),
        };
        taken.checked_add(self.fee).ok_or(StaticError::Overflow(what))
    }

    /// The accounts that the transaction concerns, each once, the sender first.
    pub fn parties(&self) -> Vec<Address> {
        let mut parties = vec![self.from];
        match &self.action {
            Action::Transfer(transfer) => parties.push(transfer.to),
        }
        // Few, so that comparing each with each costs nothing.
        let mut each_once: Vec<Address> = Vec::with_capacity(parties.len());
        for address in parties {
            if !each_once.contains(&address) {
                each_once.push(address);
            }
        }
        each_once
    }

    /// The account that receives credits, which must be an address. The sender is checked with the
    /// signature.
    pub fn recipient(&self) -> Option<Address> {
        match &self.action {
            Action::Transfer(transfer) => Some(transfer.to),
        }
    }
}

/// Holds a signed transaction's bytes to [`MAX_TRANSACTION_BYTES`].
fn check_size(got: usize) -> Result<(), StaticError> {
    if got > MAX_TRANSACTION_BYTES {
        return Err(StaticError::Size { limit: MAX_TRANSACTION_BYTES, got });
    }
    Ok(())
}

impl Encode for Transaction {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.action.tag());
        self.from.encode_into(out);
        out.extend_from_slice(&self.fee.to_le_bytes());
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&self.expiry.to_le_bytes());
        self.action.encode_body(out);
    }

    fn encoded_len(&self) -> usize {
        Self::ENVELOPE_BYTES.saturating_add(self.action.body_len())
    }
}

impl Decode for Transaction {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // The kind first: of one that is not known, nothing else is looked at.
        let decode_body = Action::decoder(reader.u8()?)?;
        Ok(Self {
            from: Address::decode_from(reader)?,
            fee: reader.u64()?,
            nonce: reader.u64()?,
            expiry: reader.u32()?,
            action: decode_body(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_limit_is_exact() {
        assert_eq!(check_size(MAX_TRANSACTION_BYTES), Ok(()));
        let got = MAX_TRANSACTION_BYTES + 1;
        assert_eq!(check_size(got), Err(StaticError::Size { limit: MAX_TRANSACTION_BYTES, got }));
    }
}
