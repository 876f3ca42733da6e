//! The authenticated state tree: a Jellyfish Merkle tree (crate `jmt`) over BLAKE2b-256, and proofs
//! of its leaves.
//!
//! The tree's shape and hashes are `jmt`'s; this module fixes the hash function and gives proofs a
//! plain form that any language can check (see [`StateProof::verify`]).

use blake2::{Blake2b, Digest, digest::consts::U32};
use borsh::BorshDeserialize;
use jmt::{
    JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher, Version,
    proof::SparseMerkleProof,
    storage::{LeafNode, Node, NodeKey, TreeReader},
};

use crate::{Hash, StateKey};

/// BLAKE2b-256 as `jmt` wants it.
#[derive(Debug, Clone)]
pub struct Blake2b256(Blake2b<U32>);

impl SimpleHasher for Blake2b256 {
    fn new() -> Self {
        Self(Blake2b::new())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The state tree over some store of nodes. A version is a height.
pub type StateTree<'a, R> = JellyfishMerkleTree<'a, R, Blake2b256>;

/// What a block changes: leaves to write, and leaves to delete.
pub type Changes = std::collections::BTreeMap<StateKey, Option<Vec<u8>>>;

/// The changes as `jmt` wants them.
pub fn value_set(changes: &Changes) -> Vec<(KeyHash, Option<OwnedValue>)> {
    changes.iter().map(|(key, value)| (KeyHash(key.hash().0), value.clone())).collect()
}

/// The root of a tree that holds just these leaves, at version 0: the state root of a genesis
/// block.
pub fn genesis_root(changes: &Changes) -> Result<Hash, TreeError> {
    let (root, _) =
        StateTree::new(&NoNodes).put_value_set(value_set(changes), 0).map_err(TreeError::new)?;
    Ok(Hash(root.0))
}

/// `jmt` failed: a node is missing or broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("state tree: {0}")]
pub struct TreeError(String);

impl TreeError {
    /// Keeps the whole chain of causes, as text.
    pub fn new(error: anyhow::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// The store of a tree that is empty.
struct NoNodes;

impl TreeReader for NoNodes {
    fn get_node_option(&self, _: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(None)
    }

    fn get_value_option(&self, _: Version, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(None)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

/// A proof that a leaf has a value, or that there is no such leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateProof {
    /// The leaf at the end of the path: its key and the hash of its value. `None`: the path ends at
    /// an empty place.
    pub leaf: Option<(Hash, Hash)>,
    /// The hashes beside the path, from the leaf's level up to the root's children.
    pub siblings: Vec<Hash>,
}

/// Why a [`StateProof`] does not show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateProofError {
    /// More siblings than a path has bits.
    #[error("at most 256 siblings, got {0}")]
    TooLong(usize),
    /// The leaf is another one than the value's.
    #[error("the leaf at the end of the path does not hold this value")]
    Leaf,
    /// The key is in the tree, though the proof should show that it is not.
    #[error("the leaf exists")]
    Exists,
    /// The hashes lead to another root.
    #[error("root: expected {expected}, got {got}")]
    Root {
        /// The state root.
        expected: Hash,
        /// What the path hashes to.
        got: Hash,
    },
}

/// The hash of an empty place.
const EMPTY: Hash = Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

impl StateProof {
    /// Takes a proof out of `jmt`'s form.
    pub fn from_jmt(proof: &SparseMerkleProof<Blake2b256>) -> Result<Self, TreeError> {
        let refused = |error: std::io::Error| TreeError(error.to_string());
        let bytes = borsh::to_vec(proof).map_err(refused)?;
        let parsed = JmtProof::try_from_slice(&bytes).map_err(refused)?;
        Ok(Self {
            leaf: parsed.leaf.map(|(key, value)| (Hash(key), Hash(value))),
            siblings: parsed.siblings.iter().map(JmtNode::hash).collect(),
        })
    }

    /// Checks that the tree with root `root` holds `value` at `key`, or, for `None`, nothing.
    pub fn verify(
        &self,
        root: &Hash,
        key: &StateKey,
        value: Option<&[u8]>,
    ) -> Result<(), StateProofError> {
        let key = key.hash();
        let depth = self.siblings.len();
        if depth > 256 {
            return Err(StateProofError::TooLong(depth));
        }
        match (value, self.leaf) {
            (Some(value), Some(leaf)) if leaf == (key, Hash::of("", &[value])) => {}
            (Some(_), _) => return Err(StateProofError::Leaf),
            (None, Some((other, _))) if other == key => return Err(StateProofError::Exists),
            // Another leaf shows absence only where the key's own path would end.
            (None, Some((other, _))) if common_prefix_bits(&key, &other) < depth => {
                return Err(StateProofError::Leaf);
            }
            (None, _) => {}
        }
        let start = self.leaf.map_or(EMPTY, |(key, value)| leaf_hash(&key, &value));
        let got =
            self.siblings.iter().zip((0..depth).rev()).fold(start, |hash, (sibling, level)| {
                if bit(&key, level) { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) }
            });
        if got == *root { Ok(()) } else { Err(StateProofError::Root { expected: *root, got }) }
    }
}

fn leaf_hash(key: &Hash, value_hash: &Hash) -> Hash {
    Hash::of("JMT::LeafNode", &[&key.0, &value_hash.0])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of("JMT::IntrnalNode", &[&left.0, &right.0])
}

/// The bit of a key at a level, counted from the root, most significant first.
fn bit(key: &Hash, level: usize) -> bool {
    let byte = key.0.get(level >> 3).copied().unwrap_or(0);
    byte & (0x80 >> (level & 7)) != 0
}

fn common_prefix_bits(a: &Hash, b: &Hash) -> usize {
    (0..256).find(|level| bit(a, *level) != bit(b, *level)).unwrap_or(256)
}

/// `jmt`'s proof, whose fields are private there, as its Borsh encoding lays it out.
#[derive(BorshDeserialize)]
struct JmtProof {
    leaf: Option<([u8; 32], [u8; 32])>,
    siblings: Vec<JmtNode>,
    _hasher: (),
}

#[derive(BorshDeserialize)]
enum JmtNode {
    Null,
    Internal([u8; 32], [u8; 32]),
    Leaf([u8; 32], [u8; 32]),
}

impl JmtNode {
    fn hash(&self) -> Hash {
        match self {
            Self::Null => EMPTY,
            Self::Internal(left, right) => node_hash(&Hash(*left), &Hash(*right)),
            Self::Leaf(key, value) => leaf_hash(&Hash(*key), &Hash(*value)),
        }
    }
}
