//! Signatures of Aleo's accounts, as snarkVM makes them.

use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::{FromBytes, ToBytes},
};

use crate::{Address, Hash, address::AddressError};

pub(crate) const SIGNATURE_BYTES: usize = 128;

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

/// A message and an unchecked signature of it: all that its check depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureClaim {
    /// The claimed signer.
    pub from: Address,
    /// What was signed: a transaction's id, which commits to the network.
    pub message: Hash,
    /// snarkVM's signature: challenge ‖ response ‖ compute key.
    pub signature: [u8; SIGNATURE_BYTES],
}

impl SignatureClaim {
    /// Checks that the signature is canonical and that of `from`: a millisecond or two.
    pub fn verify(&self) -> Result<(), SignatureError> {
        let from = self.from;
        let address = from.to_aleo()?;
        let signature = Signature::<MainnetV0>::read_le(&self.signature[..])
            .map_err(|_| SignatureError::NotCanonical)?;
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
