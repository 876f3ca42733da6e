"""The Lode protocol's pure rules, a second time: written from docs/src/protocol, not from the
node's code.

Hashes, addresses, encodings, Merkle roots, the state tree, targets, epochs, rights and rewards, in
plain Python integers and bytes; lode_market has transactions and the market. `recompute.py` replays
a node's chain with them; consensus/tests/vectors/generate.py writes the golden vectors of the Rust
implementation with them. Python 3.9 or later, standard library only.
"""

import hashlib
import struct
from fractions import Fraction

ZERO = bytes(32)
MAX_128 = 2**128 - 1
# SHA-256 of the files powers-of-beta-15 and beta-h of Aleo's universal setup: part of every
# network's genesis.
SRS_CHECKSUM = bytes.fromhex(
    "eb7040c25ce1a19a5a9a1d12046c5820ba9c2768c606290f8a80fa2bd0e1e5ed"
    "fd0a8538d4ad4f60694b5e81dec6687d8672480ea6b878205eef0c1bd51dc3bc"
)


# --- Bytes, hashes and addresses ------------------------------------------------------------------


def b256(domain, *parts):
    return hashlib.blake2b(domain.encode() + b"".join(parts), digest_size=32).digest()


def b512(domain, *parts):
    return hashlib.blake2b(domain.encode() + b"".join(parts), digest_size=64).digest()


def u16(value):
    return struct.pack("<H", value)


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def u128(value):
    return value.to_bytes(16, "little")


BECH32_DIGITS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32m_checksum(prefix, digits):
    """The checksum of BIP 350, a number of 30 bits; 0 for digits that end in their own checksum."""
    state = 1
    for digit in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + digits:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ digit
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            state ^= generator if top >> bit & 1 else 0
    return state ^ 0x2BC830A3


def bech32m_encode(prefix, data):
    size = (8 * len(data) + 4) // 5
    bits = int.from_bytes(data, "big") << 5 * size - 8 * len(data)
    digits = [bits >> 5 * place & 31 for place in reversed(range(size))]
    check = bech32m_checksum(prefix, digits + [0] * 6)
    digits += [check >> 5 * place & 31 for place in reversed(range(6))]
    return prefix + "1" + "".join(BECH32_DIGITS[digit] for digit in digits)


def bech32m_decode(prefix, text, length):
    """The `length` bytes in `prefix1…`."""
    digits = [BECH32_DIGITS.index(c) for c in text[len(prefix) + 1 :]]
    bits = sum(digit << 5 * place for place, digit in enumerate(reversed(digits[:-6])))
    padding = 5 * (len(digits) - 6) - 8 * length
    if 0 <= padding < 5:
        data = (bits >> padding).to_bytes(length, "big")
        if bech32m_encode(prefix, data) == text:
            return data
    raise ValueError(f"{text!r} is not the bech32m form of {length} bytes with prefix {prefix!r}")


def address_bytes(text):
    return bech32m_decode("aleo", text, 32)


def address_text(address):
    return bech32m_encode("aleo", address)


# --- Encodings (docs/src/protocol/encodings.md) ---------------------------------------------------


# What a network's file says of the market, in the order of its bytes.
MARKET_CONSTANTS = (
    "deposit",
    "min_request_bond",
    "min_bond",
    "false_proof",
    "reputation_unit",
    "proof_budget",
)


def encode_network(p, srs_checksum=SRS_CHECKSUM):
    """`p`: the fields of the network's file, the target as a number, the allocations as {address
    bytes: amount}.
    """
    out = bytes([len(p["name"])]) + p["name"].encode() + bytes([p["log_n"]])
    for key in ("block_interval_ms", "asert_tau_ms", "future_limit_ms"):
        out += u64(p[key])
    for key in ("epoch_length", "shares_per_block", "share_window", "anchor_depth", "maturity"):
        out += u32(p[key])
    for key in MARKET_CONSTANTS:
        out += u64(p[key])
    out += u64(p["genesis_timestamp_ms"]) + u128(p["genesis_target"]) + u32(len(p["allocations"]))
    for address, amount in sorted(p["allocations"].items()):
        out += address + u64(amount)
    return out + srs_checksum


def encode_header(h):
    return (
        u16(1)
        + u32(h["height"])
        + h["parent_hash"]
        + h["anchor_hash"]
        + u64(h["timestamp_ms"])
        + h["transactions_root"]
        + h["shares_root"]
        + h["state_root"]
        + h["producer"]
        + u128(h["target"])
    )


def encode_proof(proof):
    return u64(proof["nonce"]) + proof["commitment"] + proof["opening"]


def encode_share(s):
    return s["anchor_hash"] + s["content_hash"] + s["prover"] + encode_proof(s)


def encode_body(transactions, shares):
    """Both as lists of encoded items."""
    return u32(len(transactions)) + b"".join(transactions) + u32(len(shares)) + b"".join(shares)


def encode_account(balance, nonce):
    return u64(balance) + u64(nonce)


def encode_pending(credits):
    return u32(len(credits)) + b"".join(
        address + u64(credits[address]) for address in sorted(credits)
    )


def encode_weight(epoch, carried, shares):
    return u32(epoch) + u64(carried) + u16(shares)


# --- Hashes and roots -----------------------------------------------------------------------------


def network_hash(p, srs_checksum=SRS_CHECKSUM):
    return b256("lode/network/v1", encode_network(p, srs_checksum))


def content_hash(header_bytes):
    return b256("lode/content/v1", header_bytes)


def block_hash(header_bytes, proof):
    return b256("lode/block/v1", header_bytes, encode_proof(proof))


def transaction_id(genesis_hash, transaction_bytes):
    return b256("lode/tx/v1", genesis_hash, transaction_bytes)


def epoch_challenge(previous_last_hash):
    return b256("lode/epoch/v1", previous_last_hash)


def statement(genesis_hash, challenge, anchor_hash, content, prover):
    return b256("lode/puzzle/statement/v1", genesis_hash, challenge, anchor_hash, content, prover)


def ticket(statement_hash, proof):
    seed = b256("lode/puzzle/seed/v1", statement_hash, u64(proof["nonce"]))
    return b256("lode/puzzle/ticket/v1", seed, proof["commitment"], proof["opening"])


def block_value(ticket_hash):
    return int.from_bytes(ticket_hash[:16], "little")


def share_value(ticket_hash):
    return int.from_bytes(ticket_hash[16:], "little")


def merkle_root(items):
    level = [b256("lode/leaf/v1", item) for item in items]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [b256("lode/node/v1", *pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return b256("lode/root/v1", u32(len(items)), level[0] if level else ZERO)


# --- The state tree (docs/src/protocol/state.md) --------------------------------------------------

EMPTY = b"SPARSE_MERKLE_PLACEHOLDER_HASH__"


def account_key(address):
    return b256("lode/state/account/v1", address)


def pending_key(height):
    return b256("lode/state/pending/v1", u32(height))


def share_fund_key():
    return b256("lode/state/share-fund/v1")


def proving_pool_key(epoch):
    return b256("lode/state/proving-pool/v1", u32(epoch))


def weight_key(address):
    return b256("lode/state/weight/v1", address)


def weight_sum_key():
    return b256("lode/state/weight-sum/v1")


def bit(key, level):
    return key[level // 8] >> 7 - level % 8 & 1


def leaf_hash(key, value_hash):
    return b256("JMT::LeafNode", key, value_hash)


def node_hash(left, right):
    return b256("JMT::IntrnalNode", left, right)


def tree_root(leaves, level=0):
    """The root over (key, hash of the value) pairs; a subtree with a single leaf is that leaf."""
    if len(leaves) < 2:
        return leaf_hash(*leaves[0]) if leaves else EMPTY
    sides = [[leaf for leaf in leaves if bit(leaf[0], level) == side] for side in (0, 1)]
    return node_hash(*(tree_root(side, level + 1) for side in sides))


def tree_proof(leaves, key, level=0):
    """The leaf at the end of a key's path, or None, and the hashes beside the path, the lowest
    first.
    """
    if len(leaves) < 2:
        return (leaves[0] if leaves else None), []
    sides = [[leaf for leaf in leaves if bit(leaf[0], level) == side] for side in (0, 1)]
    end, siblings = tree_proof(sides[bit(key, level)], key, level + 1)
    return end, siblings + [tree_root(sides[1 - bit(key, level)], level + 1)]


def proof_root(key, value, leaf, siblings):
    """The root of a tree that holds `value` (None: nothing) at `key`, as the proof shows."""
    if value is not None and leaf != (key, b256("", value)):
        raise ValueError("the leaf is not that of the value")
    if value is None and leaf is not None:
        if leaf[0] == key or any(
            bit(leaf[0], level) != bit(key, level) for level in range(len(siblings))
        ):
            raise ValueError("the leaf does not show that the key is absent")
    result = leaf_hash(*leaf) if leaf else EMPTY
    for level, sibling in zip(reversed(range(len(siblings))), siblings):
        result = node_hash(sibling, result) if bit(key, level) else node_hash(result, sibling)
    return result


# --- Targets, anchors and epochs (docs/src/protocol/chain.md) -------------------------------------


def next_target(target, solve_time_ms, interval_ms, tau_ms):
    # Python's // and >> both go towards minus infinity, as the protocol wants.
    exponent = min(solve_time_ms - interval_ms, tau_ms) * 65536 // tau_ms
    shift, f = exponent >> 16, exponent & 0xFFFF
    if shift <= -160:
        return 1
    factor = 65536 + ((195766423245049 * f + 971821376 * f**2 + 5127 * f**3 + 2**47) >> 48)
    return max(1, min(MAX_128, target * factor * 2 ** (shift + 160) >> 176))


def work(target):
    return 2**192 // (target + 1)


def difficulty(target):
    return 2**128 // (target + 1)


def share_target(first_target, shares_per_block):
    return min(MAX_128, first_target * shares_per_block)


def median(timestamps):
    return sorted(timestamps)[len(timestamps) // 2]


def anchor_heights(p, height):
    """Heights below `height`, within the window, and such that the height after them lies in the
    epoch of `height`.
    """
    first_of_epoch = height // p["epoch_length"] * p["epoch_length"]
    return range(max(0, height - p["share_window"], first_of_epoch - 1), height)


# --- Rewards (docs/src/protocol/state.md) ---------------------------------------------------------


def subsidy(height):
    return 60_000_000 >> height // 8_409_600 if height else 0


def emission(height):
    """To the producer, to the epoch's proving pool, to the share fund."""
    return tuple(subsidy(height) * percent // 100 for percent in (30, 20, 50))


def genesis_share_fund(epoch_length):
    return epoch_length * (subsidy(1) // 2)


def share_pay(height, target, first_target, shares_per_block):
    base = subsidy(height) // (2 * shares_per_block)
    return base * min(target, 2 * first_target) // first_target


# --- Rights (docs/src/protocol/rights.md) ---------------------------------------------------------


def next_weights(previous, shares):
    sums = {
        a: previous.get(a, 0) // 2 + 65536 * shares.get(a, 0)
        for a in previous.keys() | shares.keys()
    }
    return {prover: weight for prover, weight in sums.items() if weight}


def next_weight_sum(previous, shares):
    return previous // 2 + 65536 * sum(shares.values())


def weight_leaf(history):
    """The leaf of a prover, or of the sum: what it was carried into its last epoch with shares, and
    those shares.

    `history` has a pair (weight at the epoch's end, shares in it) for every epoch up to now. None:
    no share yet.
    """
    counted = [epoch for epoch, (_, shares) in enumerate(history) if shares]
    if not counted:
        return None
    last = counted[-1]
    return last, history[last - 1][0] if last else 0, history[last][1]


def lg(x):
    """log2(x) with 32 fractional bits, for x from 1 to 2^64."""
    if x == 2**64:
        return 64 << 32
    k = x.bit_length() - 1
    mantissa, result = x << 63 - k, k
    for _ in range(32):
        mantissa = mantissa * mantissa >> 63
        carry = mantissa >> 64
        mantissa >>= carry
        result = result << 1 | carry
    return result


def roster(weights, parent_hash, height):
    def rank(prover):
        x = (
            int.from_bytes(b512("lode/rights/v1", parent_hash, u32(height), prover)[:8], "little")
            + 1
        )
        return Fraction((64 << 32) - lg(x), weights[prover]), prover

    return sorted(weights, key=rank)
