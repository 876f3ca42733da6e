//! The file of one account: a private key sealed with argon2id and XChaCha20-Poly1305.
//!
//! A file is JSON text of at most [`MAX_FILE_BYTES`]:
//!
//! ```json
//! {
//!   "version": 1,
//!   "address": "aleo1…",
//!   "name": "alice",
//!   "kdf": {
//!     "algorithm": "argon2id", "memory_kib": 65536, "iterations": 3, "parallelism": 1,
//!     "salt": "16 bytes"
//!   },
//!   "cipher": { "algorithm": "xchacha20poly1305", "nonce": "24 bytes", "ciphertext": "48 bytes" }
//! }
//! ```
//!
//! Bytes are lower-case hex; `name` is null for an account without one. The sealed content is the
//! 32 bytes of the private key's seed, little-endian, as snarkVM writes them. The key of the cipher
//! is 32 bytes of argon2id (version 1.3, RFC 9106, no secret, no associated data) of the passphrase
//! and the salt. The cipher also authenticates
//!
//! ```text
//! "lode/keystore/v1" ‖ address (32) ‖ u32le memory_kib ‖ u32le iterations
//!   ‖ u32le parallelism ‖ salt (16) ‖ name
//! ```
//!
//! What must not be broken: an attacker that can change the file, but does not know the passphrase,
//! can neither make it open as another account or under another name, nor make its owner's machine
//! spend more than [`KdfCost::check`] allows.

use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce, aead::array::Array};
use lode_consensus::Address;
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize};
use snarkvm::{
    console::{
        account::{Address as AleoAddress, PrivateKey},
        network::MainnetV0,
    },
    utilities::{FromBytes, ToBytes},
};
use zeroize::Zeroizing;

use super::{AccountName, Passphrase};

/// Largest file that is read, in bytes; a real one has some 600.
pub(super) const MAX_FILE_BYTES: u64 = 16 * 1024;

/// Domain of the authenticated data.
const DOMAIN: &[u8] = b"lode/keystore/v1";

const SEED_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// Why a file's content is not an account, or does not open.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not JSON of the form above.
    #[error("not an account file: {0}")]
    Malformed(String),
    /// A later format.
    #[error("expected version 1, got {0}")]
    Version(u16),
    /// Costs outside the bounds that a reader puts up with.
    #[error("{what}: expected {min} to {max}, got {got}")]
    Cost {
        /// The parameter, as the file names it.
        what: &'static str,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
        /// What the file says.
        got: u32,
    },
    /// The authentication tag does not hold.
    #[error("wrong passphrase, or the file was altered")]
    Refused,
    /// The content opens, and is another account's key.
    #[error("expected the key of {expected}, got the key of {got}")]
    WrongKey {
        /// The address in the file.
        expected: Address,
        /// The address of the sealed key.
        got: Address,
    },
    /// The machine could not do it.
    #[error("{0}")]
    Failed(String),
}

/// What one guess of a passphrase costs: the parameters of argon2id. Each file keeps its own, so
/// that they can be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl Default for KdfCost {
    /// 64 MiB and three passes: a tenth of a second on one core, the second choice of RFC 9106 with
    /// one lane.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, iterations: 3, parallelism: 1 }
    }
}

impl KdfCost {
    /// Upper bounds: what a file may ask of the machine that reads it, 1 GiB and some ten seconds.
    const MAX: Self = Self { memory_kib: 1024 * 1024, iterations: 10, parallelism: 16 };

    /// Checks the bounds, before any memory is taken.
    fn check(&self) -> Result<(), SealError> {
        let range = |what, got, min, max| {
            if (min..=max).contains(&got) {
                Ok(())
            } else {
                Err(SealError::Cost { what, min, max, got })
            }
        };
        range("iterations", self.iterations, Params::MIN_T_COST, Self::MAX.iterations)?;
        range("parallelism", self.parallelism, Params::MIN_P_COST, Self::MAX.parallelism)?;
        // argon2 needs eight blocks of 1 KiB in each lane.
        range(
            "memory_kib",
            self.memory_kib,
            self.parallelism.saturating_mul(8),
            Self::MAX.memory_kib,
        )
    }
}

/// The file's form. Reading it checks everything but the passphrase.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    version: u16,
    address: String,
    name: Option<AccountName>,
    kdf: KdfForm,
    cipher: CipherForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KdfForm {
    algorithm: KdfAlgorithm,
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
    salt: Bytes<16>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CipherForm {
    algorithm: CipherAlgorithm,
    nonce: Bytes<24>,
    ciphertext: Bytes<{ SEED_BYTES + TAG_BYTES }>,
}

#[derive(Serialize, Deserialize)]
enum KdfAlgorithm {
    #[serde(rename = "argon2id")]
    Argon2id,
}

#[derive(Serialize, Deserialize)]
enum CipherAlgorithm {
    #[serde(rename = "xchacha20poly1305")]
    XChaCha20Poly1305,
}

/// Bytes as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> TryFrom<String> for Bytes<N> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; N];
        let decoded = hex::decode_to_slice(&text, &mut bytes);
        if decoded.is_err() || text.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return Err(format!("expected {} lower-case hexadecimal digits", 2 * N));
        }
        Ok(Self(bytes))
    }
}

impl<const N: usize> From<Bytes<N>> for String {
    fn from(bytes: Bytes<N>) -> Self {
        hex::encode(bytes.0)
    }
}

/// An account's file, read and checked, still sealed.
pub(super) struct SealedKey {
    pub(super) address: Address,
    pub(super) name: Option<AccountName>,
    cost: KdfCost,
    salt: [u8; 16],
    nonce: [u8; 24],
    ciphertext: [u8; SEED_BYTES + TAG_BYTES],
}

impl SealedKey {
    /// Seals a private key. Salt and nonce are drawn from the operating system.
    pub(super) fn seal(
        key: &PrivateKey<MainnetV0>,
        name: Option<AccountName>,
        passphrase: &Passphrase,
        cost: KdfCost,
    ) -> Result<Self, SealError> {
        cost.check()?;
        let mut sealed = Self {
            address: address_of(key)?,
            name,
            cost,
            salt: [0; 16],
            nonce: [0; 24],
            ciphertext: [0; 48],
        };
        for random in [&mut sealed.salt[..], &mut sealed.nonce[..]] {
            SysRng.try_fill_bytes(random).map_err(failed)?;
        }
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        key.write_le(&mut seed[..]).map_err(failed)?;

        let cipher = sealed.cipher(passphrase)?;
        let tag = cipher
            .encrypt_inout_detached(
                &XNonce::from(sealed.nonce),
                &sealed.authenticated(),
                (&mut seed[..]).into(),
            )
            .map_err(failed)?;
        // Encrypted in place: what the buffer holds now is no secret.
        let (body, end) = sealed.ciphertext.split_at_mut(SEED_BYTES);
        body.copy_from_slice(&seed[..]);
        end.copy_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens the file and checks that the key really is the account's.
    pub(super) fn open(&self, passphrase: &Passphrase) -> Result<PrivateKey<MainnetV0>, SealError> {
        let cipher = self.cipher(passphrase)?;
        let (body, tag) = self.ciphertext.split_at(SEED_BYTES);
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        seed.copy_from_slice(body);
        let tag = Array::try_from(tag).map_err(failed)?;
        cipher
            .decrypt_inout_detached(
                &XNonce::from(self.nonce),
                &self.authenticated(),
                (&mut seed[..]).into(),
                &tag,
            )
            .map_err(|_| SealError::Refused)?;

        let key = Zeroizing::new(PrivateKey::read_le(&seed[..]).map_err(failed)?);
        let got = address_of(&key)?;
        if got != self.address {
            return Err(SealError::WrongKey { expected: self.address, got });
        }
        Ok(*key)
    }

    /// The file's text.
    pub(super) fn to_json(&self) -> Result<String, SealError> {
        let form = FileForm {
            version: 1,
            address: self.address.to_string(),
            name: self.name.clone(),
            kdf: KdfForm {
                algorithm: KdfAlgorithm::Argon2id,
                memory_kib: self.cost.memory_kib,
                iterations: self.cost.iterations,
                parallelism: self.cost.parallelism,
                salt: Bytes(self.salt),
            },
            cipher: CipherForm {
                algorithm: CipherAlgorithm::XChaCha20Poly1305,
                nonce: Bytes(self.nonce),
                ciphertext: Bytes(self.ciphertext),
            },
        };
        let mut text = serde_json::to_string_pretty(&form).map_err(failed)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a file's text and checks everything but the passphrase.
    pub(super) fn from_json(text: &[u8]) -> Result<Self, SealError> {
        let form: FileForm = serde_json::from_slice(text)
            .map_err(|error| SealError::Malformed(error.to_string()))?;
        if form.version != 1 {
            return Err(SealError::Version(form.version));
        }
        let address = Address::from_str(&form.address)
            .map_err(|error| SealError::Malformed(error.to_string()))?;
        if address.to_string() != form.address {
            return Err(SealError::Malformed(format!(
                "{} is another way to write {address}",
                form.address
            )));
        }
        let cost = KdfCost {
            memory_kib: form.kdf.memory_kib,
            iterations: form.kdf.iterations,
            parallelism: form.kdf.parallelism,
        };
        cost.check()?;
        Ok(Self {
            address,
            name: form.name,
            cost,
            salt: form.kdf.salt.0,
            nonce: form.cipher.nonce.0,
            ciphertext: form.cipher.ciphertext.0,
        })
    }

    /// The cost was checked when the file was read or the cost chosen.
    fn cipher(&self, passphrase: &Passphrase) -> Result<XChaCha20Poly1305, SealError> {
        let KdfCost { memory_kib, iterations, parallelism } = self.cost;
        let params = Params::new(memory_kib, iterations, parallelism, Some(32)).map_err(failed)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.bytes(), &self.salt, &mut key[..])
            .map_err(failed)?;
        XChaCha20Poly1305::new_from_slice(&key[..]).map_err(failed)
    }

    fn authenticated(&self) -> Vec<u8> {
        let name = self.name.as_ref().map_or("", AccountName::as_str);
        let mut data = DOMAIN.to_vec();
        data.extend_from_slice(&self.address.0);
        for cost in [self.cost.memory_kib, self.cost.iterations, self.cost.parallelism] {
            data.extend_from_slice(&cost.to_le_bytes());
        }
        data.extend_from_slice(&self.salt);
        // Last, so that it needs no length; names are never empty, so that none is none.
        data.extend_from_slice(name.as_bytes());
        data
    }
}

/// The address that a private key signs for.
pub(super) fn address_of(key: &PrivateKey<MainnetV0>) -> Result<Address, SealError> {
    let address = AleoAddress::<MainnetV0>::try_from(key).map_err(failed)?;
    Address::try_from(&address).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> SealError {
    SealError::Failed(error.to_string())
}
