//! What the leaves of the state hold, decoded: which key has which kind of leaf, and how many
//! credits are in it.

use crate::{
    Account, StateKey,
    codec::{Decode, DecodeError, Encode},
    market::{
        Appointed, Book, Class, ClassKey, JobLeaf, Operator, ProvingPool, Waiting,
        queue::{AgendaLast, AgendaOldest, AgendaPage, QueuePage},
    },
    selection::Weight,
    state::{Amount, Pending},
};

pub trait LeafKind: Decode + Encode + Clone {
    fn into_leaf(self) -> Leaf;
    fn of(leaf: &Leaf) -> Option<&Self>;
    fn of_mut(leaf: &mut Leaf) -> Option<&mut Self>;
}

macro_rules! kinds {
    ($($kind:ident),*) => {
        /// A leaf of the state.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Leaf {$(
            $kind($kind),
        )*}

        $(impl LeafKind for $kind {
            fn into_leaf(self) -> Leaf {
                Leaf::$kind(self)
            }

            fn of(leaf: &Leaf) -> Option<&Self> {
                if let Leaf::$kind(value) = leaf { Some(value) } else { None }
            }

            fn of_mut(leaf: &mut Leaf) -> Option<&mut Self> {
                if let Leaf::$kind(value) = leaf { Some(value) } else { None }
            }
        })*

        impl Leaf {
            /// The leaf's bytes, or `None` for one that says no more than a leaf that is not there.
            pub fn to_bytes(&self) -> Option<Vec<u8>> {
                match self {
                    _ if self.is_empty() => None,
                    $(Self::$kind(value) => Some(value.encode()),)*
                }
            }
        }
    };
}

kinds!(
    Account,
    Pending,
    Amount,
    ProvingPool,
    Weight,
    Appointed,
    Operator,
    Class,
    ClassKey,
    Book,
    Waiting,
    JobLeaf,
    QueuePage,
    AgendaPage,
    AgendaLast,
    AgendaOldest
);

impl Leaf {
    /// Reads the bytes of the leaf of a key.
    pub fn decode(key: &StateKey, bytes: &[u8]) -> Result<Self, DecodeError> {
        fn read<T: LeafKind>(bytes: &[u8]) -> Result<Leaf, DecodeError> {
            T::decode(bytes).map(T::into_leaf)
        }
        match key {
            StateKey::Account(_) => read::<Account>(bytes),
            StateKey::Pending(_) => read::<Pending>(bytes),
            StateKey::ShareFund => read::<Amount>(bytes),
            StateKey::ProvingPool(_) => read::<ProvingPool>(bytes),
            StateKey::Weight(_) | StateKey::WeightSum => read::<Weight>(bytes),
            StateKey::Appoint(_) => read::<Appointed>(bytes),
            StateKey::Operator(_) => read::<Operator>(bytes),
            StateKey::Class(_) => read::<Class>(bytes),
            StateKey::Key(_) => read::<ClassKey>(bytes),
            StateKey::Book(_) => read::<Book>(bytes),
            StateKey::Waiting(_) => read::<Waiting>(bytes),
            StateKey::Job(_) => read::<JobLeaf>(bytes),
            StateKey::Queue(_) => read::<QueuePage>(bytes),
            StateKey::Agenda(..) => read::<AgendaPage>(bytes),
            StateKey::AgendaLast(_) => read::<AgendaLast>(bytes),
            StateKey::AgendaOldest => read::<AgendaOldest>(bytes),
        }
    }

    /// Whether the leaf says no more than one that is not there. Accounts stay, and so does the
    /// share fund, which every network has.
    fn is_empty(&self) -> bool {
        match self {
            Self::Pending(pending) => pending.0.is_empty(),
            Self::ProvingPool(pool) => pool.granted == 0 && pool.left == 0,
            Self::Weight(weight) => weight.is_empty(),
            Self::Operator(operator) => operator.is_empty(),
            Self::Book(book) => book.0.is_empty(),
            Self::Waiting(waiting) => waiting.0.is_empty(),
            Self::QueuePage(page) => page.0.is_empty(),
            Self::AgendaPage(page) => page.0.is_empty(),
            Self::AgendaLast(last) => last.page == 0,
            Self::Account(_)
            | Self::Amount(_)
            | Self::Appointed(_)
            | Self::Class(_)
            | Self::ClassKey(_)
            | Self::JobLeaf(_)
            | Self::AgendaOldest(_) => false,
        }
    }

    /// The microcredits in the leaf. `None`: more than there can be.
    pub fn credits(&self) -> Option<u64> {
        match self {
            Self::Account(account) => Some(account.balance),
            Self::Pending(pending) => {
                pending.0.iter().try_fold(0_u64, |sum, credit| sum.checked_add(credit.amount))
            }
            Self::Amount(amount) => Some(amount.0),
            Self::ProvingPool(pool) => Some(pool.left),
            Self::Operator(operator) => Some(operator.bond),
            Self::JobLeaf(job) => Some(job.held()),
            _ => Some(0),
        }
    }
}
