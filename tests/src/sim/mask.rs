//! What a node with a whole core keeps to itself: the selfish miner's blocks, the withholder's
//! shares.
//!
//! A mask sits between core and network. Behind it the core follows the rules: a selfish miner's
//! core mines on its own chain because that chain has the most work.

use std::collections::VecDeque;

use lode_consensus::{ChainWork, Hash, Height, SealedHeader};
use lode_network::{Gossip, Response, Status};

/// Shares that a withholder keeps back at most.
const MAX_KEPT_SHARES: usize = 256;

/// What a node does with what its core publishes.
#[derive(Debug)]
pub enum Mask {
    /// Passes everything.
    None,
    /// Keeps blocks back.
    Selfish(Selfish),
    /// Keeps shares back, until [`Mask::release`].
    Withholder(Vec<Gossip>),
}

/// The state of Eyal and Sirer's strategy.
#[derive(Debug, Default)]
pub struct Selfish {
    /// Own blocks that nobody else knows, oldest first.
    hidden: VecDeque<SealedHeader>,
    /// The height of the best block that others know.
    public: Height,
    /// All is published, and an own block stands against another of the same height.
    race: bool,
}

impl Selfish {
    /// A block of one's own was found. Gives what to publish.
    fn found(&mut self, block: SealedHeader) -> Vec<SealedHeader> {
        self.hidden.push_back(block);
        // In a race it decides for us.
        if std::mem::take(&mut self.race) { self.publish_up_to(Height::MAX) } else { Vec::new() }
    }

    /// Others have a block at this height. Gives what to publish.
    fn heard(&mut self, height: Height) -> Vec<SealedHeader> {
        if height <= self.public {
            return Vec::new();
        }
        self.public = height;
        self.race = false;
        let Some(tip) = self.hidden.back().map(|block| block.header.height) else {
            return Vec::new();
        };
        if tip < height {
            // They are ahead: what we have is worth nothing any more.
            self.hidden.clear();
            return Vec::new();
        }
        // The lead was 1: now a race. It was 2: take all. More: show as many as they have.
        self.race = tip == height;
        let up_to = if tip <= height.saturating_add(1) { tip } else { height };
        self.publish_up_to(up_to)
    }

    fn publish_up_to(&mut self, height: Height) -> Vec<SealedHeader> {
        let count = self.hidden.iter().take_while(|block| block.header.height <= height).count();
        let shown: Vec<SealedHeader> = self.hidden.drain(..count).collect();
        if let Some(last) = shown.last() {
            self.public = self.public.max(last.header.height);
        }
        shown
    }

    /// The first block that nobody else may see, and its parent.
    fn secret(&self) -> Option<(Hash, Hash, Height)> {
        let first = self.hidden.front()?;
        Some((first.hash(), first.header.parent_hash, first.header.height))
    }

    fn is_hidden(&self, hash: &Hash) -> bool {
        self.hidden.iter().any(|block| block.hash() == *hash)
    }
}

impl Mask {
    /// What becomes of a message that the core publishes.
    pub fn publish(&mut self, message: Gossip) -> Vec<Gossip> {
        match (self, message) {
            (Self::Selfish(selfish), Gossip::Block(block)) => blocks(selfish.found(block)),
            (Self::Withholder(kept), Gossip::Share(share)) if kept.len() < MAX_KEPT_SHARES => {
                kept.push(Gossip::Share(share));
                Vec::new()
            }
            (_, message) => vec![message],
        }
    }

    /// Another's block was accepted: what to publish now.
    pub fn heard(&mut self, height: Height) -> Vec<Gossip> {
        match self {
            Self::Selfish(selfish) => blocks(selfish.heard(height)),
            Self::None | Self::Withholder(_) => Vec::new(),
        }
    }

    /// Everything that was kept back.
    pub fn release(&mut self) -> Vec<Gossip> {
        match self {
            Self::None => Vec::new(),
            Self::Selfish(selfish) => blocks(selfish.publish_up_to(Height::MAX)),
            Self::Withholder(kept) => std::mem::take(kept),
        }
    }

    /// The status as others may see it. `work` tells the work of a block's chain.
    pub fn status(&self, status: Status, work: impl FnOnce(&Hash) -> ChainWork) -> Status {
        match self {
            Self::Selfish(selfish) => match selfish.secret() {
                Some((_, parent, height)) if status.tip_height >= height => Status {
                    tip_height: height.saturating_sub(1),
                    tip_hash: parent,
                    work: work(&parent),
                    ..status
                },
                _ => status,
            },
            Self::None | Self::Withholder(_) => status,
        }
    }

    /// A response as others may see it; `asked` are the hashes that a request for bodies named.
    pub fn respond(&self, response: Response, asked: &[Hash]) -> Response {
        let Self::Selfish(selfish) = self else {
            return response;
        };
        match response {
            Response::Headers(mut headers) => {
                let shown =
                    headers.iter().take_while(|header| !selfish.is_hidden(&header.hash())).count();
                headers.truncate(shown);
                Response::Headers(headers)
            }
            Response::Bodies(bodies) => {
                let pairs = bodies.into_iter().zip(asked);
                Response::Bodies(
                    pairs.map(|(body, hash)| body.filter(|_| !selfish.is_hidden(hash))).collect(),
                )
            }
            other => other,
        }
    }
}

fn blocks(headers: Vec<SealedHeader>) -> Vec<Gossip> {
    headers.into_iter().map(Gossip::Block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::{Address, Header};
    use lode_puzzle::{Proof, Target};

    fn block(height: Height) -> SealedHeader {
        let header = Header {
            height,
            parent_hash: Hash::ZERO,
            anchor_hash: Hash::ZERO,
            timestamp_ms: 0,
            transactions_root: Hash::ZERO,
            shares_root: Hash::ZERO,
            state_root: Hash::ZERO,
            producer: Address([0; 32]),
            target: Target::MAX,
        };
        SealedHeader { header, nonce: 0, proof: Proof::ZERO }
    }

    fn heights(shown: &[SealedHeader]) -> Vec<Height> {
        shown.iter().map(|block| block.header.height).collect()
    }

    #[test]
    fn the_strategy_of_eyal_and_sirer() {
        let mut selfish = Selfish::default();
        // A lead of one, matched: a race, which the next own block wins.
        assert!(selfish.found(block(1)).is_empty());
        assert_eq!(heights(&selfish.heard(1)), [1]);
        assert_eq!(heights(&selfish.found(block(2))), [2]);
        // A lead of two: at the first block of the others all is shown.
        assert!(selfish.found(block(3)).is_empty() && selfish.found(block(4)).is_empty());
        assert!(selfish.is_hidden(&block(4).hash()));
        assert_eq!(heights(&selfish.heard(3)), [3, 4]);
        assert!(selfish.heard(3).is_empty() && selfish.secret().is_none());
        // A longer lead: one for one, until two are left.
        for height in 5..=8 {
            assert!(selfish.found(block(height)).is_empty());
        }
        assert_eq!(heights(&selfish.heard(5)), [5]);
        assert_eq!(heights(&selfish.heard(6)), [6]);
        assert_eq!(heights(&selfish.heard(7)), [7, 8]);
        // A race that the others win, and a block that comes too late.
        assert!(selfish.found(block(9)).is_empty());
        assert_eq!(heights(&selfish.heard(9)), [9]);
        assert!(selfish.heard(10).is_empty());
        assert!(selfish.found(block(11)).is_empty());
        assert!(selfish.heard(12).is_empty() && selfish.hidden.is_empty());
    }

    #[test]
    fn nothing_hidden_shows() {
        let mut mask = Mask::Selfish(Selfish::default());
        assert!(mask.publish(Gossip::Block(block(5))).is_empty());
        let status = Status {
            version: 1,
            genesis_hash: Hash::ZERO,
            tip_height: 5,
            tip_hash: block(5).hash(),
            work: ChainWork::ZERO,
            now_ms: 0,
        };
        let shown = mask.status(status, |parent| {
            assert_eq!(*parent, Hash::ZERO);
            ChainWork::ZERO
        });
        assert_eq!((shown.tip_height, shown.tip_hash), (4, Hash::ZERO));
        let headers = Response::Headers(vec![block(4), block(5)]);
        assert_eq!(mask.respond(headers, &[]), Response::Headers(vec![block(4)]));
        let asked = [block(4).hash(), block(5).hash()];
        let bodies = Response::Bodies(vec![Some(Default::default()); 2]);
        assert_eq!(
            mask.respond(bodies, &asked),
            Response::Bodies(vec![Some(Default::default()), None])
        );
        assert_eq!(mask.release(), [Gossip::Block(block(5))]);
        assert!(mask.release().is_empty());
    }
}
