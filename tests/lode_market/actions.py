"""The transactions of market.md section 2: their bytes, ids, and the rules of form that need no
state.

A transaction is a dictionary: the kind's name as `type`, from, fee, nonce, expiry, and the fields
of the kind.
"""

import lode_protocol as lode

from .codec import (
    ADDRESS,
    HASH,
    Blob,
    FieldElement,
    IfDirect,
    Invalid,
    Reader,
    Record,
    Sequence,
    u8,
    u16,
    u32,
    u64,
)

MAX_SIGNED_BYTES = 60 << 10
SIGNATURE_BYTES = 128
MAX_U64 = 2**64 - 1

RIGHTS, STAKE, CONTEST = 0, 1, 2
IMMEDIATE, DIRECT = 1, 2


class Policy(Record):
    """Who may prove in a class, and how provers are chosen."""

    FIELDS = (
        ("selection", u8(0, 2)),
        ("winners", u8(1, 16)),
        ("window", u16(1)),
        ("randomised", u8(0, 1)),
        ("band_bps", u16(0, 1_000)),
        ("bond_bps", u16(1_000)),
        ("min_bond", u64()),
        ("min_reputation", u16(0, 9_969)),
        ("tier_unit", u64()),
        ("min_weight", u64()),
        ("share_cap_bps", u16(0, 10_000)),
        ("max_operators", u16(1, 64)),
        ("claim_blocks", u8(1, 32)),
        ("open_at", u32()),
        ("permitted", Sequence(ADDRESS, u8(0, 64), ascending=True)),
    )


ENVELOPE = (("from", ADDRESS), ("fee", u64()), ("nonce", u64()), ("expiry", u32()))
BODIES = {
    1: ("transfer", (("to", ADDRESS), ("amount", u64(1)))),
    2: (
        "register_class",
        (
            ("system", u8(1, 1)),
            ("policy", Policy),
            ("royalty_bps", u16(0, 2_000)),
            ("key", Blob(8 << 10)),
            ("source", Blob(32 << 10)),
        ),
    ),
    3: ("bond", (("amount", u64(1)),)),
    4: ("unbond", (("amount", u64(1)),)),
    5: (
        "ask",
        (
            ("class", HASH),
            ("price", u64(1)),
            ("blocks", u32(2, 100_000)),
            ("capacity", u16()),
            ("max_bond", u64()),
            ("until", u32()),
        ),
    ),
    6: (
        "request",
        (
            ("class", HASH),
            ("price", u64(1)),
            ("late_price", u64()),
            ("soft_blocks", u32(1, 100_000)),
            ("hard_blocks", u32(1, 100_000)),
            ("damage", u64()),
            ("min_reputation", u16(0, 9_969)),
            ("flags", u8(0, 3)),
            ("operator", IfDirect()),
            ("values", Sequence(FieldElement(), u16())),
            ("witness", Blob(16 << 10)),
        ),
    ),
    7: ("raise", (("job", HASH), ("price", u64()), ("late_price", u64()))),
    8: ("cancel", (("job", HASH),)),
    9: ("decline", (("job", HASH),)),
    10: (
        "deliver",
        (("jobs", Sequence(HASH, u8(1, 16), ascending=True)), ("proof", Blob(32 << 10))),
    ),
    11: ("appoint", (("operator", ADDRESS),)),
}
TAGS = {name: tag for tag, (name, _) in BODIES.items()}
VOIDABLE = frozenset(BODIES[tag][0] for tag in range(4, 11))


def fields_of(kind):
    return BODIES[TAGS[kind]][1]


def encode(t):
    """The unsigned transaction; ranges are not looked at, so that forged ones can be made."""
    fields = ENVELOPE + fields_of(t["type"])
    return bytes([TAGS[t["type"]]]) + b"".join(codec.write(t[name], t) for name, codec in fields)


def decode(data):
    """The unsigned transaction in these bytes, or Invalid: `tag`, `short`, `trailing`, or what
    check_form says."""
    reader = Reader(data)
    tag = reader.take(1)[0]
    if tag not in BODIES:
        raise Invalid("tag")
    kind, body = BODIES[tag]
    t = {"type": kind}
    for name, codec in ENVELOPE + body:
        t[name] = codec.read(reader, t)
    reader.end()
    check_form(t)
    return t


def decode_signed(data):
    """A signed transaction: the transaction, and its signature of 128 bytes."""
    if len(data) > MAX_SIGNED_BYTES:
        raise Invalid("size")
    if len(data) < SIGNATURE_BYTES:
        raise Invalid("short")
    return decode(data[:-SIGNATURE_BYTES]), data[-SIGNATURE_BYTES:]


def transaction_id(genesis_hash, t):
    return lode.b256("lode/tx/v1", genesis_hash, encode(t))


def binding(genesis_hash, jobs, operator):
    return lode.b256("lode/delivery/v1", genesis_hash, bytes([len(jobs)]), *jobs, operator)


def check_form(t):
    """The ranges of every field, and those that tie fields of one transaction together."""
    for name, codec in ENVELOPE + fields_of(t["type"]):
        codec.check(t[name])
    if len(encode(t)) + SIGNATURE_BYTES > MAX_SIGNED_BYTES:
        raise Invalid("size")
    kind = t["type"]
    if kind in ("request", "raise") and t["late_price"] > t["price"]:
        raise Invalid("late_price")
    if kind == "request" and t["soft_blocks"] > t["hard_blocks"]:
        raise Invalid("soft_blocks")
    if kind in ("transfer", "bond") and t["amount"] + t["fee"] > MAX_U64:
        raise Invalid("overflow")


def check_policy(policy, false_proof, height):
    """The rules of a policy that depend on the network and on the height of its registration."""
    if policy.share_cap_bps < 10_000 and policy.min_weight == 0 and policy.min_bond < false_proof:
        raise Invalid("share_cap")
    if policy.open_at > height + 2_102_400:
        raise Invalid("open_at")


def check_request(t, cls):
    """A Request against the class that it names, which is immutable."""
    if cls is None:
        raise Invalid("class")
    if len(t["values"]) != cls.values:
        raise Invalid("values")
    if cls.policy.selection == CONTEST:
        if t["flags"]:
            raise Invalid("contest_flags")
    elif t["hard_blocks"] < 2:
        raise Invalid("hard_blocks")
