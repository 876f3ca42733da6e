//! The Merkle root over a block's transactions and over its shares (specification section 3).

use crate::Hash;

/// `B256("lode/root/v1" ‖ u32le(count) ‖ top)` over the items' full canonical bytes.
///
/// A leaf is `B256("lode/leaf/v1" ‖ bytes)`, a node `B256("lode/node/v1" ‖ left ‖ right)`. An odd
/// node is promoted to the next level and never duplicated, which keeps two different lists from
/// having one root. The top of an empty list is 32 zero bytes.
pub fn root<I, B>(items: I) -> Hash
where
    I: IntoIterator<Item = B>,
    B: AsRef<[u8]>,
{
    let mut level: Vec<Hash> =
        items.into_iter().map(|bytes| Hash::of("lode/leaf/v1", &[bytes.as_ref()])).collect();
    let count = u32::try_from(level.len()).unwrap_or(u32::MAX);
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Hash::of("lode/node/v1", &[&left.0, &right.0]),
                odd => odd.first().copied().unwrap_or(Hash::ZERO),
            })
            .collect();
    }
    let top = level.first().copied().unwrap_or(Hash::ZERO);
    Hash::of("lode/root/v1", &[&count.to_le_bytes(), &top.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(bytes: &[u8]) -> Hash {
        Hash::of("lode/leaf/v1", &[bytes])
    }

    fn node(left: Hash, right: Hash) -> Hash {
        Hash::of("lode/node/v1", &[&left.0, &right.0])
    }

    fn seal(count: u32, top: Hash) -> Hash {
        Hash::of("lode/root/v1", &[&count.to_le_bytes(), &top.0])
    }

    #[test]
    fn small_trees_by_hand() {
        let [a, b, c] = [leaf(b"a"), leaf(b"b"), leaf(b"c")];
        assert_eq!(root::<[&[u8]; 0], _>([]), seal(0, Hash::ZERO));
        assert_eq!(root([b"a"]), seal(1, a));
        assert_eq!(root([b"a", b"b"]), seal(2, node(a, b)));
        assert_eq!(root([b"a", b"b", b"c"]), seal(3, node(node(a, b), c)));
    }

    #[test]
    fn a_doubled_tail_changes_the_root() {
        // CVE-2012-2459: in a tree that duplicates the odd node these two lists share a root.
        assert_ne!(root([b"a", b"b", b"c"]), root([b"a", b"b", b"c", b"c"]));
    }

    #[test]
    fn a_leaf_is_no_node() {
        let [a, b] = [leaf(b"a"), leaf(b"b")];
        let joined = [a.0, b.0].concat();
        assert_ne!(root([joined.as_slice()]), root([b"a".as_slice(), b"b".as_slice()]));
    }
}
