"""The leaves of the state tree that the market brings: their keys and bytes (market.md section 3).

Field orders are those of the specification; docs/src/protocol/encodings.md has the widths.
"""

import lode_protocol as lode

from .actions import Policy
from .codec import (
    ADDRESS,
    HASH,
    FieldElement,
    IfDirect,
    Option,
    Reader,
    Record,
    Sequence,
    u8,
    u16,
    u32,
    u64,
)

PAGE = 128
WAITING, OPEN, ASSIGNED = 0, 1, 2
DELIVERED, FAILED, CANCELLED = 1, 2, 3
MAX_LIST = 8
MAX_DELIVERIES = 16


class Account(Record):
    FIELDS = (("balance", u64()), ("nonce", u64()))


class Amount(Record):
    """The share fund."""

    FIELDS = (("amount", u64()),)


class Pool(Record):
    """The proving pool of an epoch."""

    FIELDS = (("granted", u64()), ("left", u64()))


class Weight(Record):
    """What shares have earned an address, or all of them: W(epoch − 1), and the shares of the
    epoch."""

    FIELDS = (("epoch", u32()), ("carried", u64()), ("shares", u16()))


class Appointment(Record):
    """For whom the shares of an address count: for `next` from the epoch `since` on, for `now`
    before."""

    FIELDS = (("now", ADDRESS), ("next", ADDRESS), ("since", u32()))


class Operator(Record):
    """What stands in the leaf is as of `epoch`; rules.rolled reads it in a later one."""

    FIELDS = (
        ("bond", u64()),
        ("locked", u64()),
        ("epoch_bond", u64()),
        ("fresh", u64()),
        ("fresh_height", u32()),
        ("reputation", u16(0, 10_000)),
        ("burned", u64()),
        ("subsidy", u64()),
        ("held", u32()),
        ("epoch", u32()),
    )

    @property
    def free(self):
        return self.bond - self.locked

    def empty(self):
        return not (
            self.bond or self.locked or self.held or self.reputation or self.burned or self.subsidy
        )


class Class(Record):
    FIELDS = (
        ("creator", ADDRESS),
        ("system", u8(1, 1)),
        ("policy", Policy),
        ("royalty_bps", u16()),
        ("values", u16()),
        ("live", u16()),
        ("assigned", u16()),
        ("delivered", u64()),
        ("last_price", u64()),
        ("last_height", u32()),
    )


class Key(Record):
    """A class's key: its bytes, without a count."""

    FIELDS = ()

    def encode(self):
        return self.data


class Ask(Record):
    FIELDS = (
        ("operator", ADDRESS),
        ("price", u64(1)),
        ("blocks", u32(2, 100_000)),
        ("capacity", u16()),
        ("max_bond", u64()),
        ("until", u32()),
        ("since", u32()),
        ("open", u16()),
    )

    def dead(self, height):
        """Whether it fits nothing and may go."""
        return self.open == 0 and (self.capacity == 0 or self.until < height)


class Book(Record):
    FIELDS = (("asks", Sequence(Ask, u16(1, 64))),)


class Entry(Record):
    """What a first look at a Waiting or Open job needs."""

    FIELDS = (
        ("job", HASH),
        ("price", u64()),
        ("late_price", u64()),
        ("soft", u32()),
        ("hard", u32()),
        ("created", u32()),
        ("place", u16()),
        ("min_reputation", u16()),
        ("status", u8(0, 1)),
        ("cancelled", u8(0, 1)),
    )

    def order(self):
        return (-self.price, self.created, self.place)


class Waiting(Record):
    FIELDS = (("entries", Sequence(Entry, u16(1, 2_048))),)


class Assignment(Record):
    FIELDS = (
        ("operator", ADDRESS),
        ("price", u64()),
        ("promise", u32()),
        ("bond", u64()),
        ("assigned", u32()),
    )


class Miss(Record):
    FIELDS = (("operator", ADDRESS), ("promise", u32()), ("bond", u64()), ("price", u64()))


class Decline(Record):
    FIELDS = (("operator", ADDRESS), ("price", u64()), ("burned", u64()))


class Delivery(Record):
    FIELDS = (("operator", ADDRESS), ("height", u32()))


class Status:
    """u8 0 Waiting, 1 Open, 2 Assigned and the assignment: in Python WAITING, OPEN, or the
    Assignment."""

    def __init__(self):
        self.tag = u8(0, 2)

    def write(self, value, _record=None):
        return b"\2" + value.encode() if isinstance(value, Assignment) else self.tag.write(value)

    def read(self, reader, _fields=None):
        tag = self.tag.read(reader)
        return Assignment.read(reader) if tag == ASSIGNED else tag


class Job(Record):
    """A job that has not ended."""

    FIELDS = (
        ("ended", u8(0, 0)),
        ("class_id", HASH),
        ("price", u64(1)),
        ("late_price", u64()),
        ("soft", u32()),
        ("hard", u32()),
        ("damage", u64()),
        ("min_reputation", u16()),
        ("flags", u8(0, 3)),
        ("operator", IfDirect()),
        ("values", Sequence(FieldElement(), u16())),
        ("requester", ADDRESS),
        ("created", u32()),
        ("place", u16()),
        ("escrow", u64()),
        ("bond", u64()),
        ("status", Status()),
        ("cancel", Option(u32())),
        ("opened", Option(u32())),
        ("open_price", Option(u64())),
        ("misses", Sequence(Miss, u16(0, 8))),
        ("declines", Sequence(Decline, u16(0, 8))),
        ("deliveries", Sequence(Delivery, u16(0, 16))),
    )

    @property
    def assignment(self):
        return self.status if isinstance(self.status, Assignment) else None

    def listed(self):
        """The operators that missed or declined it, each with the price that stood."""
        return {entry.operator: entry.price for entry in self.misses + self.declines}

    def full(self):
        """Whether it is never assigned again."""
        return len(self.misses) + len(self.declines) >= MAX_LIST

    def entry(self, job_id):
        return Entry(
            job_id,
            self.price,
            self.late_price,
            self.soft,
            self.hard,
            self.created,
            self.place,
            self.min_reputation,
            self.status,
            int(self.cancel is not None),
        )


class Ended(Record):
    """What is left of a job that has ended."""

    FIELDS = (
        ("ended", u8(1, 3)),
        ("class_id", HASH),
        ("values", Sequence(FieldElement(), u16())),
        ("hard", u32()),
    )


class JobEvent(Record):
    FIELDS = (("kind", u8(0, 0)), ("due", u32()), ("job", HASH))


class AskEvent(Record):
    FIELDS = (("kind", u8(1, 1)), ("due", u32()), ("class_id", HASH), ("operator", ADDRESS))


class Event:
    """Either of both, by the first byte."""

    @staticmethod
    def write(value, _record=None):
        return value.encode()

    @staticmethod
    def read(reader, _fields=None):
        kind = reader.data[reader.at : reader.at + 1]
        return (JobEvent if kind == b"\0" else AskEvent).read(reader)

    @staticmethod
    def check(_value):
        pass


class QueuePage(Record):
    FIELDS = (("events", Sequence(Event, u16(1, PAGE))),)


class AgendaPage(Record):
    FIELDS = (("jobs", Sequence(HASH, u16(1, PAGE))),)


class AgendaLast(Record):
    FIELDS = (("page", u32(1)),)


class AgendaOldest(Record):
    FIELDS = (("height", u32()), ("page", u32()))


class Supply(Record):
    """Where all microcredits are; it stands beside the tree."""

    FIELDS = tuple(
        (name, u64())
        for name in (
            "genesis",
            "emitted",
            "burned",
            "balances",
            "pending",
            "share_fund",
            "proving_pools",
            "bonds",
            "escrows",
        )
    )

    def check_sum(self):
        held = (
            self.balances
            + self.pending
            + self.share_fund
            + self.proving_pools
            + self.bonds
            + self.escrows
        )
        return self.genesis + self.emitted - self.burned == held


class Pending(Record):
    """What waits until it matures: {address: amount}."""

    def encode(self):
        return lode.encode_pending(self.credits)


KINDS = {
    "account": Account,
    "share-fund": Amount,
    "proving-pool": Pool,
    "weight": Weight,
    "weight-sum": Weight,
    "appoint": Appointment,
    "operator": Operator,
    "class": Class,
    "book": Book,
    "waiting": Waiting,
    "queue": QueuePage,
    "agenda": AgendaPage,
    "agenda-last": AgendaLast,
    "agenda-oldest": AgendaOldest,
}


def key_bytes(name, *ids):
    """A leaf's key: ids are bytes, or integers of 32 bits."""
    return lode.b256(
        f"lode/state/{name}/v1", *(i if isinstance(i, bytes) else lode.u32(i) for i in ids)
    )


def decode_job(data):
    return (Ended if data[:1] != b"\0" else Job).decode(data)


def decode(name, data):
    """A leaf from its bytes; one that does not encode to the same bytes is refused by its
    fields."""
    if name == "job":
        return decode_job(data)
    if name == "key":
        return Key(data=data)
    if name == "pending":
        reader = Reader(data)
        count = u32().read(reader)
        credits = {reader.take(32): u64(1).read(reader) for _ in range(count)}
        reader.end()
        return Pending(credits=credits)
    return KINDS[name].decode(data)
