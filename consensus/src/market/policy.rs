//! What a class's creator says once and for all: who may prove, and how provers are chosen.
//!
//! A permission list ends at a height that is written down at registration, so that a network can
//! be born permissioned and must say when it opens. A cap on what one address may hold would count
//! addresses, which are free, unless each of them costs weight or bond.

use crate::{
    Address, Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_list8, encoded_list8_len},
    params::MarketSpec,
    transaction::{StaticError, range},
};

/// Most operators in a book.
pub const MAX_OPERATORS: u16 = 64;
/// The largest reputation that a gate may ask for: what honest work comes near to.
pub const MAX_REPUTATION_GATE: u16 = 9_969;
/// The whole, in 1/10,000.
pub const BPS: u16 = 10_000;
/// Most blocks from the registration to the end of a permission list: a year of 15 seconds.
const MAX_CLOSED_BLOCKS: Height = 2_102_400;
/// Most addresses of a permission list.
const MAX_PERMITTED: usize = 64;

/// How provers are chosen among those whose terms are as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// By mined weight.
    Rights,
    /// By bonded credits.
    Stake,
    /// All may deliver, and the first share the pay.
    Contest,
}

/// A class's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub selection: Selection,
    /// Contests: how many share the pay, 1 to 16.
    pub winners: u8,
    /// Contests: blocks from the first delivery on in which others may deliver, at least 1.
    pub window: u16,
    /// Contests: whether deliveries are ranked without their heights.
    pub randomised: bool,
    /// How much dearer than the cheapest an ask may be to take part in the draw, in 1/10,000.
    pub band_bps: u16,
    /// An operator's bond for a job, in 1/10,000 of the price.
    pub bond_bps: u16,
    /// The least of such a bond, in microcredits.
    pub min_bond: u64,
    pub min_reputation: u16,
    /// What an operator may ask for each point of reputation and one, in microcredits; 0: no limit.
    pub tier_unit: u64,
    /// The least mined weight.
    pub min_weight: u64,
    /// What part of the class's assigned jobs one operator may hold, in 1/10,000.
    pub share_cap_bps: u16,
    /// Most asks in the book.
    pub max_operators: u16,
    /// Blocks within which an assignee may decline, and a cancelled job may still be delivered.
    pub claim_blocks: u8,
    /// The height from which on the list below means nothing.
    pub open_at: Height,
    /// Who may prove until then, ascending; empty: everybody.
    pub permitted: Vec<Address>,
}

impl Policy {
    const MAX_WINNERS: u8 = 16;
    const MAX_CLAIM_BLOCKS: u8 = 32;
    const MAX_BAND_BPS: u16 = 1_000;
    const MIN_BOND_BPS: u16 = 1_000;

    /// Checks the ranges that need neither network nor height.
    pub(crate) fn check(&self) -> Result<(), StaticError> {
        range("winners", self.winners.into(), 1, Self::MAX_WINNERS.into())?;
        range("window", self.window.into(), 1, u16::MAX.into())?;
        range("band_bps", self.band_bps.into(), 0, Self::MAX_BAND_BPS.into())?;
        range("bond_bps", self.bond_bps.into(), Self::MIN_BOND_BPS.into(), u16::MAX.into())?;
        range("min_reputation", self.min_reputation.into(), 0, MAX_REPUTATION_GATE.into())?;
        range("share_cap_bps", self.share_cap_bps.into(), 0, BPS.into())?;
        range("max_operators", self.max_operators.into(), 1, MAX_OPERATORS.into())?;
        range("claim_blocks", self.claim_blocks.into(), 1, Self::MAX_CLAIM_BLOCKS.into())?;
        if !self.permitted.is_sorted_by(|a, b| a < b) {
            return Err(StaticError::NotAscending("permitted"));
        }
        Ok(())
    }

    /// Checks what depends on the network, and on the height of the registration.
    pub(crate) fn check_at(&self, market: &MarketSpec, height: Height) -> Result<(), StaticError> {
        let latest = height.saturating_add(MAX_CLOSED_BLOCKS);
        range("open_at", self.open_at.into(), 0, latest.into())?;
        let false_proof = market.false_proof;
        if self.share_cap_bps < BPS && self.min_weight == 0 && self.min_bond < false_proof {
            return Err(StaticError::ShareCap { false_proof });
        }
        Ok(())
    }

    pub fn is_contest(&self) -> bool {
        self.selection == Selection::Contest
    }

    /// Whether the permission list lets an operator prove at a height.
    pub fn permits(&self, operator: &Address, height: Height) -> bool {
        height >= self.open_at
            || self.permitted.is_empty()
            || self.permitted.binary_search(operator).is_ok()
    }
}

impl Encode for Selection {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Rights => 0,
            Self::Stake => 1,
            Self::Contest => 2,
        });
    }

    fn encoded_len(&self) -> usize {
        1
    }
}

impl Decode for Selection {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self::Rights),
            1 => Ok(Self::Stake),
            2 => Ok(Self::Contest),
            tag => Err(DecodeError::UnknownTag { what: "selection", tag }),
        }
    }
}

impl Encode for Policy {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.selection.encode_into(out);
        self.winners.encode_into(out);
        self.window.encode_into(out);
        self.randomised.encode_into(out);
        self.band_bps.encode_into(out);
        self.bond_bps.encode_into(out);
        self.min_bond.encode_into(out);
        self.min_reputation.encode_into(out);
        self.tier_unit.encode_into(out);
        self.min_weight.encode_into(out);
        self.share_cap_bps.encode_into(out);
        self.max_operators.encode_into(out);
        self.claim_blocks.encode_into(out);
        self.open_at.encode_into(out);
        encode_list8(&self.permitted, out);
    }

    fn encoded_len(&self) -> usize {
        const FIXED: usize = 1 + 1 + 2 + 1 + 2 + 2 + 8 + 2 + 8 + 8 + 2 + 2 + 1 + 4;
        FIXED.saturating_add(encoded_list8_len(&self.permitted))
    }
}

impl Decode for Policy {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            selection: Selection::decode_from(reader)?,
            winners: reader.u8()?,
            window: reader.u16()?,
            randomised: bool::decode_from(reader)?,
            band_bps: reader.u16()?,
            bond_bps: reader.u16()?,
            min_bond: reader.u64()?,
            min_reputation: reader.u16()?,
            tier_unit: reader.u64()?,
            min_weight: reader.u64()?,
            share_cap_bps: reader.u16()?,
            max_operators: reader.u16()?,
            claim_blocks: reader.u8()?,
            open_at: reader.u32()?,
            permitted: reader.list8("permitted", MAX_PERMITTED, Address::BYTES)?,
        })
    }
}
