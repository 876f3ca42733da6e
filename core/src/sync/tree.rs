//! Proven headers above the ledger's blocks: what the node knows of the future of its chain.
//!
//! Owns these headers, and the hashes of those that are out for good. Its header sync lends it to
//! the relay, which puts announced headers in, and to the body sync, which takes out those whose
//! blocks are stored.
//!
//! What must not be broken: only proven headers get in, so that work is never claimed, always
//! shown; there are at most [`SyncBounds::tree`](super::SyncBounds::tree) of them; and a header
//! whose block is stored leaves.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use lode_consensus::{
    ChainWork, Hash, Header, Height, SealedHeader, headers::VerifiedHeader, rules::Ancestry,
};
use lode_ledger::{BlockStatus, Branch, LedgerError, Reader};
use lode_network::{PeerId, message::MAX_LOCATOR};

use super::{bounded::Recent, limits::MAX_INVALID};

/// A proven header whose block is not stored.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) header: VerifiedHeader,
    /// The work of the chain that ends here.
    pub(super) work: ChainWork,
    /// The work that a proven chain through this header has, headers included that are not here
    /// again yet.
    pub(super) goal: ChainWork,
    /// Whether an operator assumes the block to be valid.
    pub(super) assumed: bool,
    /// The peer that claims a chain with this header; `None` if it was announced, since a peer
    /// passes an announcement on before it has seen the body.
    pub(super) source: Option<PeerId>,
    /// Whether it is [withheld](HeaderTree::withhold).
    is_withheld: bool,
    arrival: u64,
}

/// A header's place in the order of preference, greatest is best: more work, then the one that came
/// first.
type Rank = (ChainWork, ChainWork, Reverse<u64>, Hash);

impl Node {
    fn rank(&self) -> Rank {
        (self.goal, self.work, Reverse(self.arrival), self.header.hash())
    }

    pub(super) fn height(&self) -> Height {
        self.header.header().height
    }
}

#[derive(Debug)]
pub(super) struct HeaderTree {
    /// Most headers.
    limit: usize,
    nodes: BTreeMap<Hash, Node>,
    /// Parent and child.
    children: BTreeSet<(Hash, Hash)>,
    ranks: BTreeSet<Rank>,
    /// Those of headers that are not withheld.
    available: BTreeSet<Rank>,
    arrivals: u64,
    /// Hashes of all bytes of headers that were found invalid.
    invalid: Recent<Hash>,
    /// Blocks with good headers that broke a rule, or descend from such a one.
    invalid_blocks: Recent<Hash>,
}

/// What is known of headers on their way into the tree.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Origins {
    /// See [`Node::goal`].
    pub(super) goal: Option<ChainWork>,
    /// Up to which height an operator assumes the blocks to be valid.
    pub(super) assumed_to: Option<Height>,
    /// See [`Node::source`].
    pub(super) source: Option<PeerId>,
}

/// Where a proven block or header stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) height: Height,
    pub(super) work: ChainWork,
}

/// What is known of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// A stored block or a proven header.
    Proven(Standing),
    /// A stored block that broke a rule, or descends from one.
    Invalid,
    /// Nothing.
    No,
}

/// Where a peer's headers join what is known.
#[derive(Debug)]
pub(super) enum Joint {
    /// Behind this block or header; those that follow are new.
    At(Hash, Standing, Vec<SealedHeader>),
    /// On a block that broke a rule.
    Invalid(Hash),
    /// Nowhere.
    None,
}

impl HeaderTree {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            nodes: BTreeMap::new(),
            children: BTreeSet::new(),
            ranks: BTreeSet::new(),
            available: BTreeSet::new(),
            arrivals: 0,
            invalid: Recent::new(MAX_INVALID),
            invalid_blocks: Recent::new(MAX_INVALID),
        }
    }

    /// How many headers still fit.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.nodes.len())
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<&Node> {
        self.nodes.get(hash)
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.nodes.contains_key(hash)
    }

    /// The header with the most work, the first of equals.
    pub(super) fn best(&self) -> Option<&Node> {
        let (.., hash) = self.ranks.last()?;
        self.nodes.get(hash)
    }

    /// The same among those whose bodies may be had.
    pub(super) fn best_available(&self) -> Option<&Node> {
        let (.., hash) = self.available.last()?;
        self.nodes.get(hash)
    }

    /// Passes over a header and all that descend from it, because no peer gives its body. What
    /// comes on top of it later is passed over, too.
    pub(super) fn withhold(&mut self, hash: &Hash) {
        let mut waiting = vec![*hash];
        while let Some(hash) = waiting.pop() {
            waiting.extend(self.children_of(&hash));
            if let Some(node) = self.nodes.get_mut(&hash) {
                node.is_withheld = true;
                self.available.remove(&node.rank());
            }
        }
    }

    /// Passes over nothing any more.
    pub(super) fn release_withheld(&mut self) {
        for node in self.nodes.values_mut().filter(|node| node.is_withheld) {
            node.is_withheld = false;
            self.available.insert(node.rank());
        }
    }

    /// Whether a header is passed over.
    pub(super) fn is_withheld(&self, hash: &Hash) -> bool {
        self.nodes.get(hash).is_some_and(|node| node.is_withheld)
    }

    /// What ledger and tree know of a hash. A stored block off the ledger's chain, and so deep that
    /// no branch on it can be followed, counts as unknown: what builds on it has to show its work
    /// from the chain on.
    pub(super) fn look_up(&self, reader: &Reader<'_>, hash: &Hash) -> Result<Known, LedgerError> {
        if let Some(node) = self.nodes.get(hash) {
            return Ok(Known::Proven(Standing { height: node.height(), work: node.work }));
        }
        Ok(match reader.entry(hash)? {
            None => Known::No,
            Some(entry) if entry.status == BlockStatus::Invalid => Known::Invalid,
            Some(entry)
                if entry.header.height <= reader.state_floor()?
                    && !reader.is_on_chain(hash, entry.header.height)? =>
            {
                Known::No
            }
            Some(entry) => {
                Known::Proven(Standing { height: entry.header.height, work: entry.work })
            }
        })
    }

    /// Where consecutive headers of a peer join what is known: behind the last one that is, or that
    /// the first one builds on.
    pub(super) fn join(
        &self,
        reader: &Reader<'_>,
        headers: Vec<SealedHeader>,
    ) -> Result<Joint, LedgerError> {
        let mut fork: Option<(Hash, Standing)> = None;
        let mut rest = headers.into_iter().peekable();
        while let Some(next) = rest.peek() {
            let hashes = if fork.is_none() {
                vec![next.header.parent_hash, next.hash()]
            } else {
                vec![next.hash()]
            };
            let mut is_known = false;
            for hash in hashes {
                match self.look_up(reader, &hash)? {
                    Known::Proven(standing) => (fork, is_known) = (Some((hash, standing)), true),
                    Known::Invalid => return Ok(Joint::Invalid(hash)),
                    Known::No => is_known = false,
                }
            }
            if !is_known {
                break;
            }
            rest.next();
        }
        Ok(fork.map_or(Joint::None, |(hash, standing)| Joint::At(hash, standing, rest.collect())))
    }

    /// Hashes by which a peer finds where its chain leaves the best one here: `from`, then ten
    /// steps of one from the best header down, then steps that double.
    pub(super) fn locator(
        &self,
        reader: &Reader<'_>,
        from: &[Hash],
    ) -> Result<Vec<Hash>, LedgerError> {
        let own = reader.tip()?;
        let own_work = reader.work()?;
        let best = self.best().filter(|best| own_work.moves_to(best.work));
        let (mut height, tip_hash) = best.map_or(own, |best| (best.height(), best.header.hash()));
        let chain = self.chain(reader, &tip_hash)?;
        let mut locator: Vec<Hash> = Vec::new();
        let mut add = |hash: Hash| {
            if !locator.contains(&hash) {
                locator.push(hash);
            }
        };
        from.iter().for_each(|hash| add(*hash));
        let mut step: Height = 1;
        for count in 0..MAX_LOCATOR.saturating_sub(from.len()).saturating_sub(1) {
            add(chain.block_hash(height)?);
            if height == 0 {
                break;
            }
            if count >= 10 {
                step = step.saturating_mul(2);
            }
            height = height.saturating_sub(step);
        }
        Ok(locator)
    }

    /// Adds a header on top of a proven one with `parent_work`. Returns whether it is in the tree
    /// now: not if that is full.
    pub(super) fn insert(
        &mut self,
        header: VerifiedHeader,
        parent_work: ChainWork,
        origins: Origins,
    ) -> bool {
        if self.nodes.contains_key(&header.hash()) {
            return true;
        }
        if self.room() == 0 {
            return false;
        }
        let work = parent_work.after(header.header().target);
        let goal = origins.goal.unwrap_or(work).max(work);
        let assumed = origins.assumed_to.is_some_and(|height| header.header().height <= height);
        self.arrivals = self.arrivals.saturating_add(1);
        let (hash, parent_hash) = (header.hash(), header.header().parent_hash);
        let is_withheld = self.is_withheld(&parent_hash);
        let node = Node {
            work,
            goal,
            assumed,
            source: origins.source,
            is_withheld,
            arrival: self.arrivals,
            header,
        };
        self.children.insert((parent_hash, hash));
        self.ranks.insert(node.rank());
        if !is_withheld {
            self.available.insert(node.rank());
        }
        self.nodes.insert(hash, node);
        true
    }

    /// Adds consecutive headers on top of a proven one with `base_work`. Returns whether there was
    /// room for all.
    pub(super) fn plant(
        &mut self,
        headers: impl IntoIterator<Item = VerifiedHeader>,
        base_work: ChainWork,
        origins: Origins,
    ) -> bool {
        let mut work = base_work;
        for header in headers {
            let target = header.header().target;
            if !self.insert(header, work, origins) {
                return false;
            }
            work = work.after(target);
        }
        true
    }

    /// How many headers have ever come in: where it has not changed, no parent has come.
    pub(super) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// Remembers the bytes of an invalid header, which an honest peer does not pass on.
    pub(super) fn mark_invalid(&mut self, hash: Hash) {
        self.invalid.insert(hash);
    }

    /// Whether these bytes of a header were found invalid.
    pub(super) fn is_invalid(&self, hash: &Hash) -> bool {
        self.invalid.contains(hash)
    }

    /// A block breaks a rule, for ever: takes out its header and all that descend from it, and
    /// gives their hashes.
    pub(super) fn mark_block_invalid(&mut self, hash: &Hash) -> Vec<Hash> {
        self.invalid_blocks.insert(*hash);
        let removed = self.remove_branch(hash);
        removed.iter().for_each(|descendant| {
            self.invalid_blocks.insert(*descendant);
        });
        removed
    }

    /// Whether a block broke a rule, or descends from such a one.
    pub(super) fn is_invalid_block(&self, hash: &Hash) -> bool {
        self.invalid_blocks.contains(hash)
    }

    /// Takes out one header: its block is stored, or it is of no use.
    pub(super) fn remove(&mut self, hash: &Hash) -> Option<Node> {
        let node = self.nodes.remove(hash)?;
        self.children.remove(&(node.header.header().parent_hash, *hash));
        self.ranks.remove(&node.rank());
        self.available.remove(&node.rank());
        Some(node)
    }

    /// Takes out a header and all that descend from that hash, and gives their hashes.
    pub(super) fn remove_branch(&mut self, hash: &Hash) -> Vec<Hash> {
        let mut removed = Vec::new();
        let mut waiting = vec![*hash];
        while let Some(hash) = waiting.pop() {
            waiting.extend(self.children_of(&hash));
            if self.remove(&hash).is_some() {
                removed.push(hash);
            }
        }
        removed
    }

    /// Takes out headers below a height that no higher one builds on.
    pub(super) fn prune(&mut self, min_height: Height) {
        let mut low: Vec<(Height, Hash)> = self
            .nodes
            .iter()
            .map(|(hash, node)| (node.height(), *hash))
            .filter(|(height, _)| *height < min_height)
            .collect();
        low.sort_unstable();
        for (_, hash) in low.into_iter().rev() {
            if self.children_of(&hash).next().is_none() {
                self.remove(&hash);
            }
        }
    }

    /// Counts only the work that is here: the rest of a chain that was being read again does not
    /// come.
    pub(super) fn lower_goals(&mut self) {
        for node in self.nodes.values_mut().filter(|node| node.goal != node.work) {
            self.ranks.remove(&node.rank());
            let was_available = self.available.remove(&node.rank());
            node.goal = node.work;
            self.ranks.insert(node.rank());
            if was_available {
                self.available.insert(node.rank());
            }
        }
    }

    fn children_of(&self, hash: &Hash) -> impl Iterator<Item = Hash> + use<> {
        let range = (*hash, Hash::ZERO)..=(*hash, Hash([0xFF; 32]));
        self.children.range(range).map(|(_, child)| *child).collect::<Vec<_>>().into_iter()
    }

    /// The chain that ends in a proven header or a stored block.
    pub(super) fn chain<'a>(
        &'a self,
        reader: &'a Reader<'a>,
        tip: &Hash,
    ) -> Result<TreeChain<'a>, LedgerError> {
        let mut side = BTreeMap::new();
        let mut hash = *tip;
        while let Some(node) = self.nodes.get(&hash) {
            side.insert(node.height(), hash);
            hash = node.header.header().parent_hash;
        }
        Ok(TreeChain { tree: self, side: Cow::Owned(side), base: reader.branch(&hash)? })
    }

    /// The same along a path that is known: hash by height, the lowest one on top of a stored
    /// block.
    pub(super) fn chain_along<'a>(
        &'a self,
        reader: &'a Reader<'a>,
        path: &'a BTreeMap<Height, Hash>,
    ) -> Result<TreeChain<'a>, LedgerError> {
        let lowest = path.first_key_value().and_then(|(_, hash)| self.nodes.get(hash));
        let base = match lowest {
            Some(node) => node.header.header().parent_hash,
            None => reader.tip()?.1,
        };
        Ok(TreeChain { tree: self, side: Cow::Borrowed(path), base: reader.branch(&base)? })
    }
}

/// A chain of proven headers on top of stored blocks.
#[derive(Debug)]
pub(super) struct TreeChain<'a> {
    tree: &'a HeaderTree,
    side: Cow<'a, BTreeMap<Height, Hash>>,
    base: Branch<'a>,
}

impl Ancestry for TreeChain<'_> {
    type Error = LedgerError;

    fn block_hash(&self, height: Height) -> Result<Hash, LedgerError> {
        match self.side.get(&height) {
            Some(hash) => Ok(*hash),
            None => self.base.block_hash(height),
        }
    }

    fn header(&self, height: Height) -> Result<Header, LedgerError> {
        match self.side.get(&height) {
            Some(hash) => {
                let node = self.tree.get(hash).ok_or(LedgerError::Orphan { parent: *hash })?;
                Ok(node.header.header().clone())
            }
            None => self.base.header(height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::{Address, headers::ContextualHeader, rules::ChainContext};
    use lode_puzzle::{Proof, Target};

    const TARGET: Target = Target::MAX;

    /// A header that counts as proven, told apart by its nonce.
    fn header(parent_hash: Hash, height: Height, nonce: u64) -> VerifiedHeader {
        let header = Header {
            height,
            parent_hash,
            anchor_hash: Hash::ZERO,
            timestamp_ms: 1,
            transactions_root: Hash::ZERO,
            shares_root: Hash::ZERO,
            state_root: Hash::ZERO,
            producer: Address([0; 32]),
            target: TARGET,
        };
        let context = ChainContext {
            genesis_hash: Hash::ZERO,
            height,
            parent_hash,
            median_time_ms: 0,
            target: TARGET,
            epoch_challenge: Hash::ZERO,
            first_target: TARGET,
            share_target: TARGET,
            anchors: vec![(0, Hash::ZERO)],
        };
        ContextualHeader::new(SealedHeader { header, nonce, proof: Proof::ZERO }, &context)
            .unwrap()
            .assume_verified()
    }

    fn work(blocks: u32) -> ChainWork {
        (0..blocks).fold(ChainWork::ZERO, |work, _| work.after(TARGET))
    }

    /// Puts a chain of headers on top of a hash, and gives their hashes.
    fn plant(tree: &mut HeaderTree, parent: (Hash, Height), count: u32, label: u64) -> Vec<Hash> {
        let mut hashes = Vec::new();
        let (mut hash, base) = parent;
        for height in base + 1..=base + count {
            let next = header(hash, height, label);
            hash = next.hash();
            if tree.insert(next, work(height - 1), Origins::default()) {
                hashes.push(hash);
            }
        }
        hashes
    }

    #[test]
    fn the_first_of_equals_is_best_and_more_work_beats_it() {
        let mut tree = HeaderTree::new(100);
        assert!(tree.best().is_none());
        let first = plant(&mut tree, (Hash::ZERO, 0), 3, 1);
        let second = plant(&mut tree, (Hash::ZERO, 0), 3, 2);
        assert_eq!(tree.best().unwrap().header.hash(), first[2]);
        let more = plant(&mut tree, (second[2], 3), 1, 2);
        assert_eq!(tree.best().unwrap().header.hash(), more[0]);
        assert_eq!((tree.best().unwrap().work, tree.best().unwrap().height()), (work(4), 4));
    }

    #[test]
    fn a_branch_goes_as_a_whole_and_others_stay() {
        let mut tree = HeaderTree::new(100);
        let stem = plant(&mut tree, (Hash::ZERO, 0), 3, 1);
        let left = plant(&mut tree, (stem[1], 2), 4, 2);
        let right = plant(&mut tree, (left[0], 3), 2, 3);
        let mut removed = tree.remove_branch(&left[0]);
        removed.sort();
        let mut expected: Vec<Hash> = left.iter().chain(&right).copied().collect();
        expected.sort();
        assert_eq!(removed, expected);
        assert_eq!(tree.best().unwrap().header.hash(), stem[2]);
        // Also below a hash that is not here itself.
        assert_eq!(tree.remove_branch(&Hash::ZERO).len(), 3);
        assert!(tree.best().is_none() && tree.children.is_empty() && tree.ranks.is_empty());
        assert!(tree.available.is_empty());
    }

    #[test]
    fn there_are_never_more_than_the_limit() {
        let mut tree = HeaderTree::new(5);
        let chain = plant(&mut tree, (Hash::ZERO, 0), 9, 1);
        assert_eq!((chain.len(), tree.room()), (5, 0));
        assert!(
            tree.insert(header(Hash::ZERO, 1, 1), work(0), Origins::default()),
            "it is there already"
        );
        tree.remove(&chain[0]);
        assert_eq!(tree.room(), 1);
    }

    #[test]
    fn old_headers_go_unless_new_ones_build_on_them() {
        let mut tree = HeaderTree::new(100);
        let old = plant(&mut tree, (Hash::ZERO, 0), 4, 1);
        let long = plant(&mut tree, (Hash::ZERO, 0), 8, 2);
        tree.prune(6);
        assert!(old.iter().all(|hash| !tree.contains(hash)));
        assert!(long.iter().all(|hash| tree.contains(hash)));
        tree.prune(9);
        assert!(tree.nodes.is_empty());
    }

    #[test]
    fn a_goal_leads_before_its_work_is_here_until_it_is_given_up() {
        let mut tree = HeaderTree::new(100);
        let ahead = plant(&mut tree, (Hash::ZERO, 0), 5, 1);
        let origins = Origins { goal: Some(work(50)), assumed_to: Some(1), source: None };
        let (first, second) =
            (header(Hash::ZERO, 1, 2), header(header(Hash::ZERO, 1, 2).hash(), 2, 2));
        assert!(
            tree.insert(first.clone(), work(0), origins)
                && tree.insert(second.clone(), work(1), origins)
        );
        assert_eq!(tree.best().unwrap().header, second);
        assert!(
            tree.get(&first.hash()).unwrap().assumed && !tree.get(&second.hash()).unwrap().assumed
        );
        tree.lower_goals();
        assert_eq!(tree.best().unwrap().header.hash(), ahead[4]);
        assert_eq!(tree.ranks.len(), tree.nodes.len());
    }

    #[test]
    fn a_withheld_branch_has_no_turn_until_it_is_released() {
        let mut tree = HeaderTree::new(100);
        let base = (Hash([1; 32]), 0);
        let stem = plant(&mut tree, base, 2, 1);
        let long = plant(&mut tree, (stem[1], 2), 3, 2);
        let short = plant(&mut tree, (stem[1], 2), 1, 3);
        let best = |tree: &HeaderTree| tree.best_available().map(|node| node.header.hash());
        assert_eq!(best(&tree), Some(long[2]));
        tree.withhold(&long[0]);
        assert_eq!(best(&tree), Some(short[0]));
        // What comes on top of it waits with it; what does not, does not.
        let higher = plant(&mut tree, (long[2], 5), 1, 4);
        assert!(tree.is_withheld(&higher[0]) && !tree.is_withheld(&stem[1]));
        tree.lower_goals();
        assert_eq!(best(&tree), Some(short[0]));
        assert_eq!(tree.best().unwrap().header.hash(), higher[0], "its work is still known");
        tree.withhold(&stem[0]);
        assert_eq!(best(&tree), None);
        tree.release_withheld();
        assert_eq!(best(&tree), Some(higher[0]));
        tree.remove_branch(&stem[0]);
        assert!(tree.available.is_empty() && tree.ranks.is_empty());
    }
}
