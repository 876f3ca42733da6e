#!/usr/bin/env python3
"""Recomputes a Lode chain from what a node's HTTP API says, and compares.

    tests/recompute.py http://127.0.0.1:3030/devnet tests/recompute.py
    http://127.0.0.1:3030/my-network --network my-network.toml tests/recompute.py
    file:///tmp/recorded/devnet      (answers from files: status.json, block/7.json, …)

The network's parameters come from its file, all else from the API. Every block is replayed from
genesis with the rules of lode_protocol.py (in lode_chain.py), and what the node says about blocks,
shares, transactions, epochs, rosters, the supply and every account with its proof must equal what
comes out.

It exits with 0 and a line that says how much was recomputed, or with 1 and the first difference.
Two things it does not check: the pairing equations of the proofs, which `lode-miner verify` does,
and the signatures, which need Aleo's curve and hash functions. Python 3.9 or later, standard
library only.
"""

import argparse
import json
import pathlib
import sys
import urllib.error
import urllib.request

import lode_protocol as lode
from lode_chain import (
    MALFORMED,
    Chain,
    Difference,
    read_bytes,
    read_network,
    require,
    same,
    same_fields,
)
from lode_protocol import address_bytes, address_text


class Api:
    """GET requests below one base URL. Below a file:// base the answer to a path is PATH.json,
    whatever its query.
    """

    def __init__(self, base):
        self.base = base.rstrip("/")

    def get(self, path):
        url = f"{self.base}/{path}"
        if url.startswith("file://"):
            url = url.partition("?")[0] + ".json"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Difference(
                f"GET /{path}: {error.code} {error.read(500).decode(errors='replace')}"
            ) from error
        except (urllib.error.URLError, ValueError) as error:
            raise Difference(f"GET /{path}: {error}") from error

    def snapshot(self):
        """The status, and the chain of blocks that ends in its tip; again if a reorganisation came
        between.
        """
        for _ in range(5):
            status = self.get("status")
            blocks = [self.get(f"block/{height}") for height in range(status["height"] + 1)]
            if blocks[-1]["hash"] == status["tip_hash"]:
                return status, blocks
        raise Difference("the tip changes faster than the chain can be read")


def check_status(chain, status):
    header, height = chain.headers[-1], chain.tip()
    epoch = chain.epoch(height)
    same_fields(
        "status",
        {
            "network": chain.p["name"],
            "genesis_hash": chain.hashes[0].hex(),
            "tip_hash": chain.hashes[-1].hex(),
            "tip_timestamp_ms": header["timestamp_ms"],
            "epoch": epoch,
            "epoch_length": chain.p["epoch_length"],
            "epoch_first_height": epoch * chain.p["epoch_length"],
            "block_interval_ms": chain.p["block_interval_ms"],
            "log_n": chain.p["log_n"],
            "target": str(header["target"]),
            "share_target": str(chain.share_target(epoch)),
            "difficulty": str(lode.difficulty(header["target"])),
            "work": str(chain.works[-1]),
            "next_target": str(chain.target(height + 1)),
            "subsidy": lode.subsidy(height),
        },
        status,
    )
    same_fields("supply", chain.supply(), status["supply"])


def check_epochs(chain, api):
    """Every epoch that has begun. The open one is compared in full only while the node's tip is
    ours.
    """
    length = chain.p["epoch_length"]
    for epoch, shares in enumerate(chain.shares):
        answer, last = api.get(f"epoch/{epoch}"), (epoch + 1) * length - 1
        same_fields(
            f"epoch {epoch}",
            {
                "epoch": epoch,
                "challenge": chain.challenge(epoch).hex(),
                "first_height": epoch * length,
                "last_height": last,
                "share_target": str(chain.share_target(epoch)),
            },
            answer,
        )
        counts = {address_bytes(text): count for text, count in answer["shares"].items()}
        if last > chain.tip() and api.get("status")["tip_hash"] != chain.hashes[-1].hex():
            grown = all(counts.get(prover, 0) >= count for prover, count in shares.items())
            require(f"epoch {epoch}: shares only grow", grown)
            continue
        weights = {
            address_text(prover): str(weight) for prover, weight in chain.weights_of(epoch).items()
        }
        same(f"epoch {epoch}: shares", shares, counts)
        same_fields(
            f"epoch {epoch}",
            {
                "weights": weights,
                "complete": last <= chain.tip(),
                "proving_pool": chain.pool(epoch),
            },
            answer,
        )


def check_rosters(chain, api):
    for height in range(1, chain.tip() + 2):
        epoch = chain.epoch(height)
        ranked = (
            lode.roster(chain.weights_of(epoch - 1), chain.hashes[height - 1], height)
            if epoch
            else []
        )
        same(
            f"roster of height {height}",
            [address_text(prover) for prover in ranked],
            api.get(f"roster/{height}"),
        )


def check_account(chain, api, address):
    """An account as of the tip, existing or not, and the proof that the state root holds it, or
    does not.
    """
    text, tip = address_text(address), chain.tip()
    answer, state_root = api.get(f"account/{text}?height={tip}"), chain.headers[tip]["state_root"]
    leaf, account = chain.state.get("account", address), chain.account(address)
    expected = {
        "address": text,
        "exists": leaf is not None,
        "balance": account.balance,
        "nonce": str(account.nonce),
        "immature": sum(amount for credited, amount in chain.pending() if credited == address),
        "height": tip,
        "block_hash": chain.hashes[tip].hex(),
        "state_root": state_root.hex(),
    }
    if answer.get("immature") is None and api.get("status")["height"] > tip:
        del expected[
            "immature"
        ]  # told as of the node's tip only, which has moved on while we computed
    same_fields(f"account {text}", expected, answer)
    value = leaf and leaf.encode()
    check_leaf(f"account {text}", lode.account_key(address), value, state_root, answer["proof"])


def check_leaf(what, key, value, state_root, proof):
    """That a proof shows a leaf, or with value None its absence, below a state root."""
    same_fields(f"{what}: proof", {"key": key.hex(), "value": value and value.hex()}, proof)
    leaf = proof["leaf"] and tuple(read_bytes(proof["leaf"], "key_hash", "value_hash").values())
    siblings = [bytes.fromhex(sibling) for sibling in proof["siblings"]]
    root = lode.proof_root(key, value, leaf, siblings)
    same(f"{what}: root of the proof", state_root, root)


def check_weight(chain, api, address):
    """What an address has earned by shares as of the tip, the sum of all, and their proofs."""
    text, tip = address_text(address), chain.tip()
    answer, state_root = api.get(f"weight/{text}?height={tip}"), chain.headers[tip]["state_root"]
    expected = {
        "address": text,
        "height": tip,
        "epoch": chain.epoch(tip),
        "block_hash": chain.hashes[tip].hex(),
        "state_root": state_root.hex(),
    }
    same_fields(f"weight {text}", expected, answer)
    epoch, leaves, sums = chain.epoch(tip), chain.weight_leaves(), chain.weight_sums()
    own = [chain.weights_of(e).get(address, 0) for e in (epoch - 1, epoch) if e >= 0]
    all_together = [total for total, _ in sums[-2:]]
    for name, key, weights in (
        ("weight", lode.weight_key(address), own),
        ("sum", lode.weight_sum_key(), all_together),
    ):
        frozen = weights[0] if epoch else 0
        what, got = f"weight {text}: {name}", answer[name]
        same_fields(what, {"frozen": str(frozen), "current": str(weights[-1])}, got)
        check_leaf(what, key, leaves.get(key), state_root, got["proof"])


def run(base, network_file):
    api = Api(base)
    status, blocks = api.snapshot()
    name = pathlib.PurePath(status["network"]).name
    file = (
        network_file or pathlib.Path(__file__).resolve().parent.parent / "genesis" / f"{name}.toml"
    )
    chain = Chain(read_network(file))
    for height, block in enumerate(blocks):
        try:
            chain.block(block)
        except (Difference, *MALFORMED) as error:
            raise Difference(
                f"block {height}: {error if isinstance(error, Difference) else repr(error)}"
            ) from error
    check_status(chain, status)
    check_epochs(chain, api)
    check_rosters(chain, api)
    mined = {address for address, _ in chain.pending()}
    for address in sorted(chain.accounts() | mined | {lode.ZERO}):
        check_account(chain, api, address)
        check_weight(chain, api, address)
    return (
        f"recomputed {len(blocks)} blocks, {len(chain.seen)} shares, {chain.transactions} "
        "transactions, "
        f"{len(chain.shares)} epochs: all equal"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "base", help="the API's address and the network: http://127.0.0.1:3030/devnet"
    )
    parser.add_argument(
        "--network", metavar="FILE", help="the network's file; default: genesis/NAME.toml"
    )
    args = parser.parse_args()
    try:
        print(run(args.base, args.network))
    except Difference as error:
        print(f"different: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the network's file: {error}", file=sys.stderr)
        return 1
    except MALFORMED as error:
        print(f"different: an answer is not what docs/src/api.md says: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
