//! What the state tree holds: its keys, its leaves and their bytes (specification section 4).

use crate::{
    Address, Epoch, Hash, Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_list},
};

/// Names one leaf of the state tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// An account, from its first credit on; never deleted.
    Account(Address),
    /// What the block at a height mined, until it matures.
    Pending(Height),
    /// The fund that shares are paid from.
    ShareFund,
    /// The proving pool of an epoch.
    ProvingPool(Epoch),
    /// What an address has earned by shares, from the first one on; see
    /// [`Weight`](crate::selection::Weight).
    Weight(Address),
    /// The same for all addresses together.
    WeightSum,
}

impl StateKey {
    /// The leaf's place in the tree: `B256(tag ‖ id)`.
    pub fn hash(&self) -> Hash {
        match self {
            Self::Account(address) => Hash::of("lode/state/account/v1", &[&address.0]),
            Self::Pending(height) => Hash::of("lode/state/pending/v1", &[&height.to_le_bytes()]),
            Self::ShareFund => Hash::of("lode/state/share-fund/v1", &[]),
            Self::ProvingPool(epoch) => {
                Hash::of("lode/state/proving-pool/v1", &[&epoch.to_le_bytes()])
            }
            Self::Weight(address) => Hash::of("lode/state/weight/v1", &[&address.0]),
            Self::WeightSum => Hash::of("lode/state/weight-sum/v1", &[]),
        }
    }
}

/// An account's leaf.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// What the account can spend, in microcredits.
    pub balance: u64,
    /// How many transactions the account has made.
    pub nonce: u64,
}

impl Encode for Account {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.balance.to_le_bytes());
        out.extend_from_slice(&self.nonce.to_le_bytes());
    }
}

impl Decode for Account {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { balance: reader.u64()?, nonce: reader.u64()? })
    }
}

/// An amount that one address mined in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// The address that receives it at maturity.
    pub address: Address,
    /// Microcredits, at least 1.
    pub amount: u64,
}

impl Credit {
    /// Bytes of an encoded credit.
    pub const BYTES: usize = Address::BYTES + 8;
}

impl Encode for Credit {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.address.encode_into(out);
        out.extend_from_slice(&self.amount.to_le_bytes());
    }
}

impl Decode for Credit {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { address: Address::decode_from(reader)?, amount: reader.u64()? })
    }
}

/// The leaf of [`StateKey::Pending`]: credits sorted by address bytes, each address once, its
/// amounts summed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending(pub Vec<Credit>);

impl Encode for Pending {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list(&self.0, out);
    }
}

impl Decode for Pending {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // The producer, and a prover for each share that any network allows in a block.
        const MAX_CREDITS: usize = 2 * crate::params::MAX_SHARES_PER_BLOCK as usize + 1;
        Ok(Self(reader.list("credits", MAX_CREDITS, Credit::BYTES)?))
    }
}

/// The leaf of [`StateKey::ShareFund`] and of [`StateKey::ProvingPool`]: microcredits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount(pub u64);

impl Encode for Amount {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }
}

impl Decode for Amount {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.u64()?))
    }
}

/// Where all microcredits are. Every block checks [`Supply::check`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Supply {
    /// Allocations and the share fund's seed.
    pub genesis: u64,
    /// All that blocks minted.
    pub emitted: u64,
    /// All that was destroyed; nothing is, in version 1.
    pub burned: u64,
    /// The sum of all balances.
    pub balances: u64,
    /// The sum of all credits that wait for maturity.
    pub pending: u64,
    pub share_fund: u64,
    /// The sum of all proving pools.
    pub proving_pools: u64,
}

/// The supply does not add up: a bug, never a block's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the supply does not add up: {0:?}")]
pub struct SupplyError(pub Supply);

impl Supply {
    /// Genesis + emitted − burned = balances + pending + share fund + proving pools.
    pub fn check(&self) -> Result<(), SupplyError> {
        let sum = |parts: &[u64]| parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part));
        let made =
            sum(&[self.genesis, self.emitted]).and_then(|made| made.checked_sub(self.burned));
        let held = sum(&[self.balances, self.pending, self.share_fund, self.proving_pools]);
        if made.is_some() && made == held { Ok(()) } else { Err(SupplyError(*self)) }
    }
}

impl Encode for Supply {
    fn encode_into(&self, out: &mut Vec<u8>) {
        let Self { genesis, emitted, burned, balances, pending, share_fund, proving_pools } = self;
        for amount in [genesis, emitted, burned, balances, pending, share_fund, proving_pools] {
            out.extend_from_slice(&amount.to_le_bytes());
        }
    }
}

impl Decode for Supply {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            genesis: reader.u64()?,
            emitted: reader.u64()?,
            burned: reader.u64()?,
            balances: reader.u64()?,
            pending: reader.u64()?,
            share_fund: reader.u64()?,
            proving_pools: reader.u64()?,
        })
    }
}
