//! What transactions do, as they are shown: one object for each kind, told apart by `type`.

use lode_consensus::{
    self as consensus,
    market::{Selection, Value},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::{AddressText, BytesHex, HashText, Hex, Text, U64Text, WordHex};

/// What a transaction does, besides paying its fee. Amounts are in microcredits, parts in 1/10,000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    /// Moves public credits.
    Transfer {
        /// Who receives.
        to: AddressText,
        /// What `to` receives, in microcredits.
        amount: u64,
    },
    /// Makes a class of proofs, whose id is the transaction's.
    RegisterClass {
        /// The proof system; 1 is Varuna.
        system: u8,
        policy: Box<Policy>,
        /// What the creator receives of each pay.
        royalty_bps: u16,
        /// The verifying key.
        key: BytesHex,
        /// What provers make the circuit of.
        source: BytesHex,
        /// How many public values a job of the class has, as its key says; null unless a block of
        /// the chain includes it.
        values: Option<u16>,
    },
    /// Puts credits at stake as an operator.
    Bond { amount: U64Text },
    /// Takes credits out of the bond.
    Unbond { amount: U64Text },
    /// Offers to prove jobs of a class.
    Ask {
        class: HashText,
        price: U64Text,
        /// Blocks within which the operator promises to deliver.
        blocks: u32,
        /// Jobs that may be assigned at once; 0 takes the ask back.
        capacity: u16,
        /// The largest bond that the operator accepts for one job.
        max_bond: U64Text,
        /// The last height at which the ask may be matched.
        until: u32,
    },
    /// Posts a job, whose id is the transaction's.
    Request {
        class: HashText,
        /// What a proof is worth up to `soft_blocks`.
        price: U64Text,
        /// What it is worth at `hard_blocks`.
        late_price: U64Text,
        soft_blocks: u32,
        hard_blocks: u32,
        /// The least bond of the operator, besides the class's rules.
        damage: U64Text,
        min_reputation: u16,
        /// Cancelled, and not left open, if no ask fits at once.
        immediate: bool,
        /// The only operator that may be assigned, in hexadecimal, as it may be no address; null
        /// unless the job is direct.
        operator: Option<WordHex>,
        values: Vec<WordHex>,
        /// What the prover needs besides the values.
        witness: BytesHex,
    },
    /// Raises a job's value.
    Raise { job: HashText, price: U64Text, late_price: U64Text },
    /// Takes the sender's job back.
    Cancel { job: HashText },
    /// Gives back a job that was assigned to the sender.
    Decline { job: HashText },
    /// Delivers one proof for one or more jobs.
    Deliver { jobs: Vec<HashText>, proof: BytesHex },
    /// Says for whom the sender's shares count from the next epoch on.
    Appoint { operator: AddressText },
}

/// How provers are chosen among those whose terms are as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectionKind {
    /// By mined weight.
    Rights,
    /// By bonded credits.
    Stake,
    /// All may deliver, and the first share the pay.
    Contest,
}

impl From<Selection> for SelectionKind {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::Rights => Self::Rights,
            Selection::Stake => Self::Stake,
            Selection::Contest => Self::Contest,
        }
    }
}

/// Who may prove a class, and how provers are chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    pub selection: SelectionKind,
    /// Contests: how many share the pay.
    pub winners: u8,
    /// Contests: blocks from the first delivery on in which others may deliver.
    pub window: u16,
    /// Contests: whether deliveries are ranked without their heights.
    pub randomised: bool,
    /// How much dearer than the cheapest an ask may be to take part in the draw.
    pub band_bps: u16,
    /// An operator's bond for a job, as a part of the price.
    pub bond_bps: u16,
    /// The least of such a bond.
    pub min_bond: U64Text,
    pub min_reputation: u16,
    /// What an operator may ask for each point of reputation and one; 0: no limit.
    pub tier_unit: U64Text,
    /// The least mined weight.
    pub min_weight: U64Text,
    /// What part of the class's assigned jobs one operator may hold.
    pub share_cap_bps: u16,
    /// Most asks in the book.
    pub max_operators: u16,
    /// Blocks within which an assignee may decline, and a cancelled job may still be delivered.
    pub claim_blocks: u8,
    /// The height from which on the list below means nothing.
    pub open_at: u32,
    /// Who may prove until then, in hexadecimal, as these may be no addresses; empty: everybody.
    pub permitted: Vec<WordHex>,
}

impl From<&consensus::market::Policy> for Policy {
    fn from(policy: &consensus::market::Policy) -> Self {
        Self {
            selection: SelectionKind::from(policy.selection),
            winners: policy.winners,
            window: policy.window,
            randomised: policy.randomised,
            band_bps: policy.band_bps,
            bond_bps: policy.bond_bps,
            min_bond: Text(policy.min_bond),
            min_reputation: policy.min_reputation,
            tier_unit: Text(policy.tier_unit),
            min_weight: Text(policy.min_weight),
            share_cap_bps: policy.share_cap_bps,
            max_operators: policy.max_operators,
            claim_blocks: policy.claim_blocks,
            open_at: policy.open_at,
            permitted: policy.permitted.iter().map(|address| Hex(address.0)).collect(),
        }
    }
}

impl From<&consensus::Action> for Action {
    fn from(action: &consensus::Action) -> Self {
        match action {
            consensus::Action::Transfer(transfer) => {
                Self::Transfer { to: AddressText(transfer.to), amount: transfer.amount }
            }
            consensus::Action::RegisterClass(register) => Self::RegisterClass {
                system: register.system,
                policy: Box::new(Policy::from(&register.policy)),
                royalty_bps: register.royalty_bps,
                key: Hex(register.key.clone()),
                source: Hex(register.source.clone()),
                values: None,
            },
            consensus::Action::Bond(bond) => Self::Bond { amount: Text(bond.amount) },
            consensus::Action::Unbond(unbond) => Self::Unbond { amount: Text(unbond.amount) },
            consensus::Action::Ask(ask) => Self::Ask {
                class: Text(ask.class),
                price: Text(ask.price),
                blocks: ask.blocks,
                capacity: ask.capacity,
                max_bond: Text(ask.max_bond),
                until: ask.until,
            },
            consensus::Action::Request(request) => Self::request(request),
            consensus::Action::Raise(raise) => Self::Raise {
                job: Text(raise.job),
                price: Text(raise.price),
                late_price: Text(raise.late_price),
            },
            consensus::Action::Cancel(cancel) => Self::Cancel { job: Text(cancel.job) },
            consensus::Action::Decline(decline) => Self::Decline { job: Text(decline.job) },
            consensus::Action::Deliver(deliver) => Self::Deliver {
                jobs: deliver.jobs.iter().copied().map(Text).collect(),
                proof: Hex(deliver.proof.clone()),
            },
            consensus::Action::Appoint(appoint) => {
                Self::Appoint { operator: AddressText(appoint.operator) }
            }
        }
    }
}

impl Action {
    /// The kind's name, as `type` has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Transfer { .. } => "transfer",
            Self::RegisterClass { .. } => "register_class",
            Self::Bond { .. } => "bond",
            Self::Unbond { .. } => "unbond",
            Self::Ask { .. } => "ask",
            Self::Request { .. } => "request",
            Self::Raise { .. } => "raise",
            Self::Cancel { .. } => "cancel",
            Self::Decline { .. } => "decline",
            Self::Deliver { .. } => "deliver",
            Self::Appoint { .. } => "appoint",
        }
    }

    fn request(request: &consensus::transaction::Request) -> Self {
        Self::Request {
            class: Text(request.class),
            price: Text(request.price),
            late_price: Text(request.late_price),
            soft_blocks: request.soft_blocks,
            hard_blocks: request.hard_blocks,
            damage: Text(request.damage),
            min_reputation: request.min_reputation,
            immediate: request.immediate,
            operator: request.operator.map(|operator| Hex(operator.0)),
            values: request.values.iter().map(|Value(bytes)| Hex(*bytes)).collect(),
            witness: Hex(request.witness.clone()),
        }
    }
}
