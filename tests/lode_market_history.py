#!/usr/bin/env python3
"""Makes a random history of the market, holds every block against its properties, and writes it for
other implementations.

    tests/lode_market_history.py --seed 7 --blocks 500
    tests/lode_market_history.py --seed 7 --blocks 500 --json history.jsonl
    tests/lode_market_history.py --replay history.jsonl                      from its bytes alone
    tests/lode_market_history.py --seed 7 --blocks 10000 --json history.jsonl --digest

The file has a line of JSON for the beginning and one for each block. Bytes are hex, integers are
numbers below 2^64.

    {"seed": 7,
     "params": {epoch_length, shares_per_block, maturity, and the constants of section 8},
     "limits": null,            or the bounds of a block's work that stand for those of the rules:
                                {"assignments": 3, "taking": 2, "agenda": 4, "classes": 3}
     "genesis_hash": "…",                           also the hash of block 0
     "allocations": {"address": balance},
     "leaves": {"key": "value"}, "supply": {…}}     the state before block 1
    {"height": 1,
     "previous_hash": "…",                          of the block below; draws use it
     "producer": "…", "provers": ["…"],             a prover for each share of the block
     "target": "…", "first_target": "…",            decimal, for the pay of shares
     "transactions": [
        {"bytes": "…", "id": "…",            unsigned, the sender is in it
         "verdict": true,                    Deliver: whether the proof holds
         "values": 2,                        RegisterClass: read off the key; null: it is refused
         "outcome": "applied", "reason": ""}],   or "void", or "invalid"
     "assignments": [["class", "job", "operator"]], what matching did, in order
     "leaves": {"key": "value or null"},            what the block changed, null: deleted
     "supply": {genesis, emitted, burned, balances, pending, share_fund, …},
     "fees": 0}

A transaction whose outcome is `invalid` stands in no block: it takes no place in it, and changes
nothing. The reason is a word of this implementation, for people: others need not agree with it. An
applied Deliver whose proof was judged and does not hold has the reason `false`. With --digest a
block has, instead of `leaves`, `leaves_digest`: B256("lode market leaves" ‖ for each changed key,
ascending: key ‖ u8 0, or key ‖ u8 1 ‖ u32le(length) ‖ value).
"""

import argparse
import json
import sys
import time
from collections import Counter

sys.dont_write_bytecode = True

import lode_protocol as lode  # noqa: E402
from lode_market import actions, generator, leaves, properties, transactions  # noqa: E402
from lode_market import state as states, transition  # noqa: E402
from lode_market.bounds import BLOCKS as BOUNDS_BLOCKS, Bounds  # noqa: E402
from lode_market.codec import Invalid  # noqa: E402


TIGHT = {"assignments": 3, "taking": 2, "agenda": 4, "classes": 3}


def hexed(leaves):
    return {
        key.hex(): value if value is None else value.hex() for key, value in sorted(leaves.items())
    }


def digest(leaves):
    parts = [
        key + (b"\0" if value is None else b"\1" + lode.u32(len(value)) + value)
        for key, value in sorted(leaves.items())
    ]
    return lode.b256("lode market leaves", *parts)


class History:
    """One random history in the making."""

    def __init__(self, seed, bounds=False, limits=None):
        self.seed, self.g = seed, (Bounds if bounds else generator.Generator)(seed)
        self.state = states.genesis(
            self.g.params, lode.genesis_share_fund(self.g.params["epoch_length"])
        )
        self.height, self.limits = 0, limits
        self.counts, self.seen = Counter(), Counter()

    def first_line(self):
        params = {name: value for name, value in self.g.params.items() if name != "allocations"}
        return {
            "seed": self.seed,
            "params": params,
            "limits": self.limits,
            "genesis_hash": self.g.hashes[0].hex(),
            "allocations": {
                address.hex(): amount for address, amount in self.g.params["allocations"].items()
            },
            "leaves": hexed(self.state.encoded()),
            "supply": self.state.supply.plain(),
        }

    def block(self, short=False):
        """One more block, as its line."""
        g = self.g
        self.height += 1
        b = transition.begin(self.state, g.params, self.height, g.hashes, self.limits)
        told, place = [], 0
        for t, verdict, values in g.block(b):
            outcome, reason = transactions.apply(b, t, place, verdict, values)
            g.applied(t, outcome)
            place += outcome != "invalid"
            self.counts[t["type"], outcome, reason] += 1
            told.append(self.tell(t, verdict, values, outcome, reason))
        producer, provers = g.one(), g.shares()
        transition.finish(b, producer, provers, generator.TARGET, generator.TARGET)
        previous_hash = g.hashes[-1]
        g.add_hash(self.height)
        self.counts["assigned", "", ""] += len(b.assignments)
        self.seen += b.seen
        changes = self.state.take_changes()
        return {
            "height": self.height,
            "previous_hash": previous_hash.hex(),
            "producer": producer.hex(),
            "provers": [prover.hex() for prover in provers],
            "target": str(generator.TARGET),
            "first_target": str(generator.TARGET),
            "transactions": told,
            "assignments": [[part.hex() for part in assignment] for assignment in b.assignments],
            **({"leaves_digest": digest(changes).hex()} if short else {"leaves": hexed(changes)}),
            "supply": self.state.supply.plain(),
            "fees": b.fees,
        }

    def tell(self, t, verdict, values, outcome, reason):
        told = {
            "bytes": actions.encode(t).hex(),
            "id": actions.transaction_id(self.g.hashes[0], t).hex(),
        }
        if t["type"] == "deliver":
            told["verdict"] = verdict
        if t["type"] == "register_class":
            told["values"] = values
        return {**told, "outcome": outcome, "reason": reason}


def run(seed, blocks, path=None, short=False, bounds=False, progress=False, limits=None):
    """A whole history, checked after every block; gives it."""
    history, started = History(seed, bounds, limits), time.monotonic()
    out = open(path, "w", encoding="ascii") if path else None
    try:
        if out:
            out.write(json.dumps(history.first_line()) + "\n")
        for height in range(1, blocks + 1):
            line = history.block(short)
            try:
                properties.check(history.state, height)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, block {height}: {error}") from error
            if out:
                out.write(json.dumps(line) + "\n")
            if progress and height % 500 == 0:
                print(
                    f"{height} blocks, {time.monotonic() - started:.0f} s, "
                    f"{len(history.state.leaves)} leaves",
                    flush=True,
                )
    finally:
        if out:
            out.close()
    return history


def replay(path):
    """Replays a file from its bytes, and holds what comes out against it; gives the number of
    blocks."""
    with open(path, encoding="ascii") as lines:
        first = json.loads(next(lines))
        allocations = {
            bytes.fromhex(address): amount for address, amount in first["allocations"].items()
        }
        params = {**first["params"], "allocations": allocations}
        state = states.genesis(params, lode.genesis_share_fund(params["epoch_length"]))
        same("leaves of genesis", hexed(state.encoded()), first["leaves"])
        hashes = [bytes.fromhex(first["genesis_hash"])]
        for line in map(json.loads, lines):
            if line["height"] > 1:
                hashes.append(bytes.fromhex(line["previous_hash"]))
            replay_block(state, params, hashes, line, first["limits"])
    return len(hashes)


def replay_block(state, params, hashes, line, limits):
    b, place = transition.begin(state, params, line["height"], hashes, limits), 0
    for told in line["transactions"]:
        data = bytes.fromhex(told["bytes"])
        try:
            t = actions.decode(data)
            outcome, _ = transactions.apply(b, t, place, told.get("verdict"), told.get("values"))
            same("id", actions.transaction_id(hashes[0], t).hex(), told["id"])
        except Invalid:
            outcome = "invalid"
        same(f"block {line['height']}, a transaction", outcome, told["outcome"])
        place += outcome != "invalid"
    transition.finish(
        b,
        bytes.fromhex(line["producer"]),
        [bytes.fromhex(prover) for prover in line["provers"]],
        int(line["target"]),
        int(line["first_target"]),
    )
    for key in state.before:
        record = state.get(*key)
        if record is not None:
            same(
                f"{key[0]} decoded",
                leaves.decode(key[0], record.encode()).encode(),
                record.encode(),
            )
    changes = state.take_changes()
    for name, computed in (
        ("leaves", hexed(changes)),
        ("leaves_digest", digest(changes).hex()),
        ("supply", state.supply.plain()),
        ("fees", b.fees),
        ("assignments", [[part.hex() for part in assignment] for assignment in b.assignments]),
    ):
        if name in line:
            same(f"block {line['height']}, {name}", computed, line[name])


def same(what, computed, told):
    if computed != told:
        raise AssertionError(f"{what}: computed {computed}, the file says {told}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blocks", type=int, default=500)
    parser.add_argument("--json", metavar="FILE", help="write the history to a file of JSON lines")
    parser.add_argument(
        "--digest",
        action="store_true",
        help="a digest of each block's leaves in the file, not the leaves",
    )
    parser.add_argument(
        "--bounds",
        action="store_true",
        help=f"not at random: what every bound of the rules cuts short, in {BOUNDS_BLOCKS} blocks",
    )
    parser.add_argument(
        "--tight", action="store_true", help="with bounds so small that most blocks reach them"
    )
    parser.add_argument("--counts", action="store_true", help="say how often what happened")
    parser.add_argument("--replay", metavar="FILE", help="replay a file and compare")
    args = parser.parse_args()
    if args.replay:
        print(f"replayed {replay(args.replay)} blocks: all equal")
        return
    if args.bounds:
        args.blocks = BOUNDS_BLOCKS
    history = run(
        args.seed,
        args.blocks,
        args.json,
        args.digest,
        args.bounds,
        args.blocks > 1_000,
        TIGHT if args.tight else None,
    )
    if args.counts:
        for (kind, outcome, reason), count in sorted(history.counts.items()):
            print(f"{count:8} {kind} {outcome} {reason}")
        for what, count in sorted(history.seen.items()):
            print(f"{count:8} {what}")
    included = sum(
        count
        for (kind, outcome, _), count in history.counts.items()
        if kind != "assigned" and outcome != "invalid"
    )
    print(
        f"seed {args.seed}: {args.blocks} blocks, {included} transactions, "
        f"{history.counts['assigned', '', '']} assignments: all properties hold"
    )


if __name__ == "__main__":
    main()
