//! What the state tree holds: its keys, its leaves and their bytes (specification section 4).

use crate::{
    Address, Epoch, Hash, Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_list, layout},
    params::{MAX_SHARES_PER_BLOCK, MAX_TRANSACTIONS},
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
    ProvingPool(Epoch),
    /// What an address has earned by shares, from the first one on; see
    /// [`Weight`](crate::selection::Weight).
    Weight(Address),
    /// The same for all addresses together.
    WeightSum,
    /// For whom a prover's shares count, if not for the prover.
    Appoint(Address),
    /// An operator's bond and reputation.
    Operator(Address),
    /// A class of proofs, by the id of its registration.
    Class(Hash),
    /// The verifying key of a class.
    Key(Hash),
    /// The asks of a class.
    Book(Hash),
    /// The jobs of a class that wait for an operator.
    Waiting(Hash),
    /// A job, by the id of its Request.
    Job(Hash),
    /// A page of the events that matching is to look at.
    Queue(u32),
    /// A page of the jobs of which something is due at a height.
    Agenda(Height, u32),
    /// The number of a height's last page.
    AgendaLast(Height),
    /// The first page that is left of the heights up to the last block's.
    AgendaOldest,
}

impl StateKey {
    /// The leaf's place in the tree: `B256("lode/state/" ‖ name ‖ "/v1" ‖ id)`.
    pub fn hash(&self) -> Hash {
        let id = |name: &str, id: &[u8]| Hash::of(name, &[id]);
        match self {
            Self::Account(address) => id("lode/state/account/v1", &address.0),
            Self::Pending(height) => id("lode/state/pending/v1", &height.to_le_bytes()),
            Self::ShareFund => id("lode/state/share-fund/v1", &[]),
            Self::ProvingPool(epoch) => id("lode/state/proving-pool/v1", &epoch.to_le_bytes()),
            Self::Weight(address) => id("lode/state/weight/v1", &address.0),
            Self::WeightSum => id("lode/state/weight-sum/v1", &[]),
            Self::Appoint(address) => id("lode/state/appoint/v1", &address.0),
            Self::Operator(address) => id("lode/state/operator/v1", &address.0),
            Self::Class(class) => id("lode/state/class/v1", &class.0),
            Self::Key(class) => id("lode/state/key/v1", &class.0),
            Self::Book(class) => id("lode/state/book/v1", &class.0),
            Self::Waiting(class) => id("lode/state/waiting/v1", &class.0),
            Self::Job(job) => id("lode/state/job/v1", &job.0),
            Self::Queue(page) => id("lode/state/queue/v1", &page.to_le_bytes()),
            Self::Agenda(height, page) => {
                let parts: [&[u8]; 2] = [&height.to_le_bytes(), &page.to_le_bytes()];
                Hash::of("lode/state/agenda/v1", &parts)
            }
            Self::AgendaLast(height) => id("lode/state/agenda-last/v1", &height.to_le_bytes()),
            Self::AgendaOldest => id("lode/state/agenda-oldest/v1", &[]),
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
        // The producer, a prover for each share that any network allows in a block, and what its
        // transactions can add.
        const MAX_CREDITS: usize = 2 * MAX_SHARES_PER_BLOCK as usize + 1 + 2 * MAX_TRANSACTIONS;
        Ok(Self(reader.list("credits", MAX_CREDITS, Credit::BYTES)?))
    }
}

/// The leaf of [`StateKey::ShareFund`]: microcredits.
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
    /// All that was destroyed.
    pub burned: u64,
    /// The sum of all balances.
    pub balances: u64,
    /// The sum of all credits that wait for maturity.
    pub pending: u64,
    pub share_fund: u64,
    /// What is left of all proving pools.
    pub proving_pools: u64,
    /// The sum of all operators' bonds.
    pub bonds: u64,
    /// The sum of all jobs' escrows and of their requesters' bonds.
    pub escrows: u64,
}

/// The supply does not add up: a bug, never a block's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the supply does not add up: {0:?}")]
pub struct SupplyError(pub Supply);

impl Supply {
    /// Genesis + emitted − burned = balances + pending + share fund + proving pools + bonds +
    /// escrows.
    pub fn check(&self) -> Result<(), SupplyError> {
        let sum = |parts: &[u64]| parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part));
        let made =
            sum(&[self.genesis, self.emitted]).and_then(|made| made.checked_sub(self.burned));
        let held = sum(&[
            self.balances,
            self.pending,
            self.share_fund,
            self.proving_pools,
            self.bonds,
            self.escrows,
        ]);
        if made.is_some() && made == held { Ok(()) } else { Err(SupplyError(*self)) }
    }
}

layout!(Supply {
    genesis,
    emitted,
    burned,
    balances,
    pending,
    share_fund,
    proving_pools,
    bonds,
    escrows
});
