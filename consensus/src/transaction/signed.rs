//! A transaction with its signature: what is passed on, waits, and stands in blocks.

use rand::{CryptoRng, Rng};
use snarkvm::{
    console::{account::PrivateKey, network::MainnetV0},
    utilities::ToBytes,
};

use super::{Action, Transaction};
use crate::{
    Hash, Obligation,
    codec::{Decode, DecodeError, Encode, Reader},
    params::MAX_TRANSACTION_BYTES,
    signature::{SIGNATURE_BYTES, SignatureClaim, SignatureError},
};

/// A transaction with an unchecked signature of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    /// The signed content.
    pub transaction: Transaction,
    /// snarkVM's signature: challenge ‖ response ‖ compute key.
    pub signature: [u8; SignedTransaction::SIGNATURE_BYTES],
}

impl Transaction {
    /// Signs the transaction for one network with the sender's key. The caller brings the
    /// generator.
    pub fn sign<R: Rng + CryptoRng>(
        self,
        key: &PrivateKey<MainnetV0>,
        genesis_hash: &Hash,
        rng: &mut R,
    ) -> Result<SignedTransaction, SignatureError> {
        let message = self.id(genesis_hash);
        let refused = |error: &dyn std::fmt::Display| SignatureError::Signing(error.to_string());
        let signature = key.sign_bytes(&message.0, rng).map_err(|error| refused(&error))?;
        let bytes = signature.to_bytes_le().map_err(|error| refused(&error))?;
        let signature = bytes.try_into().map_err(|_| SignatureError::NotCanonical)?;
        Ok(SignedTransaction { transaction: self, signature })
    }
}

impl SignedTransaction {
    pub const SIGNATURE_BYTES: usize = SIGNATURE_BYTES;
    /// Bytes of the shortest signed transaction: what a decoder holds a count to, and no
    /// transaction's size.
    pub const MIN_BYTES: usize = Self::bytes_with_body(Action::MIN_BYTES);

    /// Bytes of a signed transaction whose action has a body of so many bytes.
    pub const fn bytes_with_body(body: usize) -> usize {
        (Transaction::ENVELOPE_BYTES + Self::SIGNATURE_BYTES).saturating_add(body)
    }

    /// The transaction's id; the signature is not part of it.
    pub fn id(&self, genesis_hash: &Hash) -> Hash {
        self.transaction.id(genesis_hash)
    }

    /// What the signature claims of a transaction with this id.
    pub fn claim(&self, id: Hash) -> SignatureClaim {
        SignatureClaim { from: self.transaction.from, message: id, signature: self.signature }
    }

    /// What a transaction with this id still has to show: that the accounts it names are addresses
    /// of the curve, and that its signature holds.
    pub fn obligations(&self, id: Hash) -> impl Iterator<Item = Obligation> {
        let recipient = self.transaction.recipient().map(Obligation::Address);
        recipient.into_iter().chain([Obligation::Signature(self.claim(id))])
    }

    /// Checks that the signature is canonical and the sender's, for this content on this network.
    pub fn verify(&self, genesis_hash: &Hash) -> Result<(), SignatureError> {
        self.claim(self.id(genesis_hash)).verify()
    }
}

/// A signed transaction with its id on one network, which is computed once. What waits, is checked
/// or is listed carries it along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedTransaction {
    signed: SignedTransaction,
    id: Hash,
}

impl HashedTransaction {
    /// Hashes a transaction for one network.
    pub fn new(signed: SignedTransaction, genesis_hash: &Hash) -> Self {
        Self { id: signed.id(genesis_hash), signed }
    }

    /// The transaction's id; the signature is not part of it.
    pub fn id(&self) -> Hash {
        self.id
    }

    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// The transaction, without its id.
    pub fn into_signed(self) -> SignedTransaction {
        self.signed
    }

    /// What it still has to show.
    pub fn obligations(&self) -> impl Iterator<Item = Obligation> {
        self.signed.obligations(self.id)
    }
}

const _: () = assert!(SignedTransaction::MIN_BYTES <= MAX_TRANSACTION_BYTES);

impl Encode for SignedTransaction {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.transaction.encode_into(out);
        out.extend_from_slice(&self.signature);
    }

    fn encoded_len(&self) -> usize {
        self.transaction.encoded_len().saturating_add(Self::SIGNATURE_BYTES)
    }
}

impl Decode for SignedTransaction {
    /// Refuses what is longer than [`MAX_TRANSACTION_BYTES`]; each kind's own limits bound what is
    /// read before that.
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signed =
            Self { transaction: Transaction::decode_from(reader)?, signature: reader.array()? };
        let got = signed.encoded_len();
        if got > MAX_TRANSACTION_BYTES {
            return Err(DecodeError::TooMany {
                what: "transaction bytes",
                limit: MAX_TRANSACTION_BYTES,
                got,
            });
        }
        Ok(signed)
    }
}
