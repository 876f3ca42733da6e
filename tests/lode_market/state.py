"""The state of one chain: its leaves as records, the supply, and what a block, or one transaction,
has changed.

Records are never changed in place, so that a copy of a reference is a copy of the value.
"""

from . import leaves
from .leaves import Amount, Account, Supply, key_bytes


class State:
    """Leaves by (name, id, …). What is written is remembered, so that it can be taken back and
    told."""

    def __init__(self):
        self.leaves = {}
        self.supply = Supply(*[0] * len(Supply.FIELDS))
        self.before = {}  # of the block: what stood under the keys that were written
        self.journal = None  # of a transaction: the same, and the supply

    def get(self, *key):
        return self.leaves.get(key)

    def put(self, key, record):
        """Writes a leaf, or with None deletes it."""
        old = self.leaves.get(key)
        self.before.setdefault(key, old)
        if self.journal is not None:
            self.journal[0].setdefault(key, old)
        if record is None:
            self.leaves.pop(key, None)
        else:
            self.leaves[key] = record

    def supply_add(self, **changes):
        self.supply = self.supply.replace(
            **{
                name: getattr(self.supply, name) + change
                for name, change in changes.items()
                if change
            }
        )

    def begin(self):
        self.journal = ({}, self.supply)

    def commit(self):
        self.journal = None

    def roll_back(self):
        written, self.supply = self.journal
        self.journal = None
        for key, record in written.items():
            self.put(key, record)

    def take_changes(self):
        """The leaves that differ from what they were before the block: {key: bytes or None}."""
        changes = {}
        for key, old in self.before.items():
            new = self.leaves.get(key)
            if new is old:
                continue
            encoded = None if new is None else new.encode()
            if (
                old is None
                and new is None
                or old is not None
                and new is not None
                and old.encode() == encoded
            ):
                continue
            changes[key_bytes(*key)] = encoded
        self.before = {}
        return changes

    def encoded(self):
        """All leaves: {key: bytes}."""
        return {key_bytes(*key): record.encode() for key, record in self.leaves.items()}


def genesis(params, fund):
    """The state before block 1: an account for each allocation, and the share fund."""
    state = State()
    for address, balance in params["allocations"].items():
        state.put(("account", address), Account(balance, 0))
    state.put(("share-fund",), Amount(fund))
    balances = sum(params["allocations"].values())
    state.supply_add(genesis=balances + fund, balances=balances, share_fund=fund)
    state.take_changes()
    return state


__all__ = ["State", "genesis", "leaves"]
