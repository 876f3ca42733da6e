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

mod ask;
mod bond;
mod class;
mod error;
mod job;
mod request;
mod signed;
mod transfer;

pub use crate::signature::{SignatureClaim, SignatureError};
pub use ask::Ask;
pub use bond::{Appoint, Bond, Unbond};
pub use class::RegisterClass;
pub use error::StaticError;
pub(crate) use error::range;
pub use job::{Cancel, Decline, Deliver, Raise};
pub use request::Request;
pub use signed::{HashedTransaction, SignedTransaction};
pub use transfer::Transfer;

use crate::{
    Address, Hash, Height,
    codec::{Decode, DecodeError, Encode, Reader},
    market::value,
    params::{MAX_TRANSACTION_BYTES, MarketSpec},
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
    /// Makes a class of proofs.
    RegisterClass(RegisterClass),
    /// Puts credits at stake as an operator.
    Bond(Bond),
    /// Takes credits out of the bond.
    Unbond(Unbond),
    /// Offers to prove jobs of a class.
    Ask(Ask),
    /// Posts a job.
    Request(Request),
    /// Raises a job's value.
    Raise(Raise),
    /// Takes a job back.
    Cancel(Cancel),
    /// Gives an assigned job back.
    Decline(Decline),
    /// Delivers a proof.
    Deliver(Deliver),
    /// Says for whom the sender's shares count.
    Appoint(Appoint),
}

type BodyDecoder = fn(&mut Reader<'_>) -> Result<Action, DecodeError>;

impl Action {
    /// Bytes of the shortest body that can be decoded: a Deliver of nothing has its two counts.
    const MIN_BYTES: usize = 1 + 2;

    /// The first byte of the transaction.
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Transfer(_) => Transfer::TAG,
            Self::RegisterClass(_) => RegisterClass::TAG,
            Self::Bond(_) => Bond::TAG,
            Self::Unbond(_) => Unbond::TAG,
            Self::Ask(_) => Ask::TAG,
            Self::Request(_) => Request::TAG,
            Self::Raise(_) => Raise::TAG,
            Self::Cancel(_) => Cancel::TAG,
            Self::Decline(_) => Decline::TAG,
            Self::Deliver(_) => Deliver::TAG,
            Self::Appoint(_) => Appoint::TAG,
        }
    }

    /// The kind's name, for people and for JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transfer(_) => "transfer",
            Self::RegisterClass(_) => "register_class",
            Self::Bond(_) => "bond",
            Self::Unbond(_) => "unbond",
            Self::Ask(_) => "ask",
            Self::Request(_) => "request",
            Self::Raise(_) => "raise",
            Self::Cancel(_) => "cancel",
            Self::Decline(_) => "decline",
            Self::Deliver(_) => "deliver",
            Self::Appoint(_) => "appoint",
        }
    }

    fn body(&self) -> &dyn Encode {
        match self {
            Self::Transfer(body) => body,
            Self::RegisterClass(body) => body,
            Self::Bond(body) => body,
            Self::Unbond(body) => body,
            Self::Ask(body) => body,
            Self::Request(body) => body,
            Self::Raise(body) => body,
            Self::Cancel(body) => body,
            Self::Decline(body) => body,
            Self::Deliver(body) => body,
            Self::Appoint(body) => body,
        }
    }

    /// The decoder of a kind's body: the one place that knows which tags there are.
    fn decoder(tag: u8) -> Result<BodyDecoder, DecodeError> {
        match tag {
            Transfer::TAG => Ok(|reader| Transfer::decode_from(reader).map(Self::Transfer)),
            RegisterClass::TAG => {
                Ok(|reader| RegisterClass::decode_from(reader).map(Self::RegisterClass))
            }
            Bond::TAG => Ok(|reader| Bond::decode_from(reader).map(Self::Bond)),
            Unbond::TAG => Ok(|reader| Unbond::decode_from(reader).map(Self::Unbond)),
            Ask::TAG => Ok(|reader| Ask::decode_from(reader).map(Self::Ask)),
            Request::TAG => Ok(|reader| Request::decode_from(reader).map(Self::Request)),
            Raise::TAG => Ok(|reader| Raise::decode_from(reader).map(Self::Raise)),
            Cancel::TAG => Ok(|reader| Cancel::decode_from(reader).map(Self::Cancel)),
            Decline::TAG => Ok(|reader| Decline::decode_from(reader).map(Self::Decline)),
            Deliver::TAG => Ok(|reader| Deliver::decode_from(reader).map(Self::Deliver)),
            Appoint::TAG => Ok(|reader| Appoint::decode_from(reader).map(Self::Appoint)),
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

    /// Checks form and ranges, as far as neither the state nor the network is needed for it.
    pub fn check_static(&self) -> Result<(), StaticError> {
        check_size(self.encoded_len().saturating_add(SIGNATURE_BYTES))?;
        match &self.action {
            Action::Transfer(transfer) => transfer.check_static()?,
            Action::RegisterClass(register) => register.check_static()?,
            Action::Bond(bond) => bond.check_static()?,
            Action::Unbond(unbond) => unbond.check_static()?,
            Action::Ask(ask) => ask.check_static()?,
            Action::Request(request) => request.check_static()?,
            Action::Raise(raise) => raise.check_static()?,
            Action::Deliver(deliver) => deliver.check_static()?,
            Action::Cancel(_) | Action::Decline(_) | Action::Appoint(_) => {}
        }
        // Where nothing else decides what is taken, a sum that no balance can hold is a fault of
        // form.
        match &self.action {
            Action::Transfer(Transfer { amount, .. }) | Action::Bond(Bond { amount }) => {
                let sum = amount.checked_add(self.fee);
                sum.map(|_| ()).ok_or(StaticError::Overflow("amount + fee"))
            }
            _ => Ok(()),
        }
    }

    /// What leaves the sender's balance if the transaction is applied, in microcredits: the fee,
    /// and what the action transfers, bonds, escrows and burns. What a Raise adds depends on its
    /// job, and is not in it.
    pub fn cost(&self, market: &MarketSpec) -> Result<u64, StaticError> {
        let sum = self.taken(market).saturating_add(self.fee.into());
        u64::try_from(sum).map_err(|_| StaticError::Overflow("amount + fee"))
    }

    /// The cost without the fee.
    pub(crate) fn taken(&self, market: &MarketSpec) -> u128 {
        let bytes = || u128::try_from(self.encoded_len()).unwrap_or(u128::MAX);
        match &self.action {
            Action::Transfer(transfer) => transfer.amount.into(),
            Action::Bond(bond) => bond.amount.into(),
            Action::RegisterClass(_) => bytes().saturating_mul(market.deposit.into()),
            Action::Request(request) => {
                let bond = value::request_bond(market, request.price);
                let rent = value::rent(bytes(), request.hard_blocks);
                rent.saturating_add(request.price.into()).saturating_add(bond.into())
            }
            Action::Unbond(_)
            | Action::Ask(_)
            | Action::Raise(_)
            | Action::Cancel(_)
            | Action::Decline(_)
            | Action::Deliver(_)
            | Action::Appoint(_) => 0,
        }
    }

    /// The accounts that the transaction concerns, each once, the sender first. The operator of a
    /// direct Request is among them, though it may be no address.
    pub fn parties(&self) -> Vec<Address> {
        let other = match &self.action {
            Action::Request(request) => request.operator,
            _ => self.recipient(),
        };
        let other = other.filter(|address| *address != self.from);
        [self.from].into_iter().chain(other).collect()
    }

    /// The account named besides the sender's that must be an address. The sender is checked with
    /// the signature.
    pub fn recipient(&self) -> Option<Address> {
        match &self.action {
            Action::Transfer(transfer) => Some(transfer.to),
            Action::Appoint(appoint) => Some(appoint.operator),
            _ => None,
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
        self.action.body().encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::ENVELOPE_BYTES.saturating_add(self.action.body().encoded_len())
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
