//! Transactions, signed with Aleo keys (specification section 3).

use rand::{CryptoRng, Rng};
use snarkvm::{
    console::{
        account::{PrivateKey, Signature},
        network::MainnetV0,
    },
    utilities::{FromBytes, ToBytes},
};

use crate::{
    Address, Hash, Height, Obligation,
    address::AddressError,
    codec::{Decode, DecodeError, Encode, Reader},
};

const TRANSFER_TAG: u8 = 1;

/// What an account asks the chain to do. An enum, so that later kinds find room: each has a tag of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// Moves public credits.
    Transfer(Transfer),
}

/// A payment from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Who pays and signs.
    pub from: Address,
    /// Who receives.
    pub to: Address,
    /// What `to` receives, in microcredits, at least 1.
    pub amount: u64,
    /// What the block's producer receives, in microcredits.
    pub fee: u64,
    /// How many transactions `from` has made before: each nonce is used once, in order.
    pub nonce: u64,
    /// The last height at which the transaction is valid.
    pub expiry: Height,
}

impl Transfer {
    /// Bytes of an encoded transfer, its tag included.
    pub const BYTES: usize = 1 + Address::BYTES + Address::BYTES + 8 + 8 + 8 + 4;
}

impl Transaction {
    /// The transaction's id, which is also the message that `from` signs:
    /// `B256("lode/tx/v1" ‖ genesis_hash ‖ body)`.
    pub fn id(&self, genesis_hash: &Hash) -> Hash {
        Hash::of("lode/tx/v1", &[&genesis_hash.0, &self.encode()])
    }

    /// Signs the transaction for one network with the sender's key. The caller brings the generator.
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

    /// The account that receives.
    pub fn recipient(&self) -> Address {
        let Self::Transfer(transfer) = self;
        transfer.to
    }

    /// The account that pays and signs.
    pub fn from(&self) -> Address {
        let Self::Transfer(transfer) = self;
        transfer.from
    }

    /// The fee for the block's producer, in microcredits.
    pub fn fee(&self) -> u64 {
        let Self::Transfer(transfer) = self;
        transfer.fee
    }

    /// The sender's transaction count that this one needs.
    pub fn nonce(&self) -> u64 {
        let Self::Transfer(transfer) = self;
        transfer.nonce
    }

    /// The last height at which the transaction is valid.
    pub fn expiry(&self) -> Height {
        let Self::Transfer(transfer) = self;
        transfer.expiry
    }
}

impl Encode for Transaction {
    fn encode_into(&self, out: &mut Vec<u8>) {
        let Self::Transfer(transfer) = self;
        out.push(TRANSFER_TAG);
        transfer.from.encode_into(out);
        transfer.to.encode_into(out);
        out.extend_from_slice(&transfer.amount.to_le_bytes());
        out.extend_from_slice(&transfer.fee.to_le_bytes());
        out.extend_from_slice(&transfer.nonce.to_le_bytes());
        out.extend_from_slice(&transfer.expiry.to_le_bytes());
    }
}

impl Decode for Transaction {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            TRANSFER_TAG => Ok(Self::Transfer(Transfer {
                from: Address::decode_from(reader)?,
                to: Address::decode_from(reader)?,
                amount: reader.u64()?,
                fee: reader.u64()?,
                nonce: reader.u64()?,
                expiry: reader.u32()?,
            })),
            tag => Err(DecodeError::Invalid { what: "transaction tag", got: tag.into() }),
        }
    }
}

/// A transaction with the signature of its sender, which nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    /// The signed content.
    pub transaction: Transaction,
    /// snarkVM's signature: challenge ‖ response ‖ compute key.
    pub signature: [u8; SignedTransaction::SIGNATURE_BYTES],
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The sender is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The bytes are not what snarkVM writes for a signature.
    #[error("the signature's bytes are not canonical")]
    NotCanonical,
    /// The signature is not the sender's, or is for other content or another network.
    #[error("the signature does not hold for {from}")]
    Mismatch {
        /// The sender that the transaction names.
        from: Address,
    },
    /// snarkVM could not sign.
    #[error("signing failed: {0}")]
    Signing(String),
}

impl SignedTransaction {
    /// Bytes of a signature.
    pub const SIGNATURE_BYTES: usize = 128;
    /// Bytes of an encoded transaction with its signature.
    pub const BYTES: usize = Transfer::BYTES + Self::SIGNATURE_BYTES;

    /// The transaction's id; the signature is not part of it.
    pub fn id(&self, genesis_hash: &Hash) -> Hash {
        self.transaction.id(genesis_hash)
    }

    /// What the signature claims of a transaction with this id.
    pub fn claim(&self, id: Hash) -> SignatureClaim {
        SignatureClaim { from: self.transaction.from(), message: id, signature: self.signature }
    }

    /// What a transaction with this id still has to show: that its recipient is an address, and that its signature holds.
    pub fn obligations(&self, id: Hash) -> [Obligation; 2] {
        [Obligation::Address(self.transaction.recipient()), Obligation::Signature(self.claim(id))]
    }

    /// Checks that the signature is canonical and the sender's, for this content on this network.
    pub fn verify(&self, genesis_hash: &Hash) -> Result<(), SignatureError> {
        self.claim(self.id(genesis_hash)).verify()
    }
}

/// A message, and a signature of it that nobody has checked yet: all that its check depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureClaim {
    /// Who is said to have signed.
    pub from: Address,
    /// What was signed: a transaction's id, which commits to the network.
    pub message: Hash,
    /// snarkVM's signature: challenge ‖ response ‖ compute key.
    pub signature: [u8; SignedTransaction::SIGNATURE_BYTES],
}

impl SignatureClaim {
    /// Checks that the signature is canonical and that of `from`: a millisecond or two.
    pub fn verify(&self) -> Result<(), SignatureError> {
        let from = self.from;
        let address = from.to_aleo()?;
        let signature =
            Signature::<MainnetV0>::read_le(&self.signature[..]).map_err(|_| SignatureError::NotCanonical)?;
        match signature.to_bytes_le() {
            Ok(bytes) if bytes == self.signature => {}
            _ => return Err(SignatureError::NotCanonical),
        }
        if !signature.verify_bytes(&address, &self.message.0) {
            return Err(SignatureError::Mismatch { from });
        }
        Ok(())
    }
}

/// A signed transaction with its id on one network, which is computed once. What waits, is checked or is listed carries it
/// along.
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

    /// The transaction.
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// The transaction, without its id.
    pub fn into_signed(self) -> SignedTransaction {
        self.signed
    }

    /// What it still has to show.
    pub fn obligations(&self) -> [Obligation; 2] {
        self.signed.obligations(self.id)
    }
}

impl Encode for SignedTransaction {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.transaction.encode_into(out);
        out.extend_from_slice(&self.signature);
    }
}

impl Decode for SignedTransaction {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { transaction: Transaction::decode_from(reader)?, signature: reader.array()? })
    }
}
