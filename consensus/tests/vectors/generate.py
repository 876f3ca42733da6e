#!/usr/bin/env python3
"""Writes the golden vectors of this folder: encodings, addresses, chain rules, rights, the state
tree and the market.

    consensus/tests/vectors/generate.py            writes the files
    consensus/tests/vectors/generate.py --check    exits with 1 if a file is out of date

Every expected value comes from tests/lode_protocol.py and tests/lode_market, an implementation that
shares nothing with the Rust code but the specification. The inputs are bytes from labelled hashes,
so that the files never change by themselves. In the files, bytes are hex, and integers from 2^53 on
are decimal strings. Python 3.9 or later, standard library only.
"""

import itertools
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[2] / "tests"))
sys.dont_write_bytecode = True

import lode_protocol as lode  # noqa: E402
from lode_market import actions  # noqa: E402
from inputs import fill, number, plain  # noqa: E402
from market_bytes import market_bytes  # noqa: E402
from market_rules import market_rules  # noqa: E402


# --- Encodings ------------------------------------------------------------------------------------

NETWORK = {
    "name": "golden-1",
    "log_n": 5,
    "block_interval_ms": 2_000,
    "asert_tau_ms": 60_000,
    "future_limit_ms": 1_000,
    "epoch_length": 20,
    "shares_per_block": 4,
    "share_window": 8,
    "anchor_depth": 2,
    "maturity": 10,
    "deposit": 10,
    "min_request_bond": 10_001,
    "min_bond": 10_002,
    "false_proof": 1_000_003,
    "reputation_unit": 1_000_004,
    "proof_budget": 400_005,
    "genesis_timestamp_ms": 1_793_318_400_000,
    "genesis_target": 2**125 - 1,
}


def header(label, height):
    return {
        "height": height,
        "parent_hash": fill(f"{label} parent"),
        "anchor_hash": fill(f"{label} anchor"),
        "timestamp_ms": number(f"{label} time", 64),
        "transactions_root": fill(f"{label} transactions"),
        "shares_root": fill(f"{label} shares"),
        "state_root": fill(f"{label} state"),
        "producer": fill(f"{label} producer"),
        "target": number(f"{label} target", 128),
    }


def proof(label):
    return {
        "nonce": number(f"{label} nonce", 64),
        "commitment": fill(f"{label} C", 96),
        "opening": fill(f"{label} W", 96),
    }


def share(label):
    return {
        "anchor_hash": fill(f"{label} anchor"),
        "content_hash": fill(f"{label} content"),
        "prover": fill(f"{label} prover"),
        **proof(label),
    }


def transfer(label):
    return {
        "type": "transfer",
        "from": fill(f"{label} from"),
        "fee": number(f"{label} fee", 64),
        "nonce": number(f"{label} nonce", 64),
        "expiry": number(f"{label} expiry", 32),
        "to": fill(f"{label} to"),
        "amount": number(f"{label} amount", 64),
    }


def network(allocations):
    params = {**NETWORK, "allocations": allocations}
    srs_checksum = fill("srs checksum", 64)
    leaves = {
        lode.account_key(a): lode.encode_account(amount, 0) for a, amount in allocations.items()
    }
    fund = lode.genesis_share_fund(params["epoch_length"])
    leaves[lode.share_fund_key()] = lode.u64(fund)
    nothing = lode.merkle_root([])
    genesis = lode.encode_header(
        {
            "height": 0,
            "parent_hash": lode.network_hash(params, srs_checksum),
            "anchor_hash": lode.ZERO,
            "timestamp_ms": params["genesis_timestamp_ms"],
            "transactions_root": nothing,
            "shares_root": nothing,
            "state_root": lode.tree_root(
                [(key, lode.b256("", value)) for key, value in leaves.items()]
            ),
            "producer": lode.ZERO,
            "target": params["genesis_target"],
        }
    )
    no_proof = {"nonce": 0, "commitment": bytes(96), "opening": bytes(96)}
    return {
        "params": {
            **params,
            "allocations": sorted(allocations.items()),
            "srs_checksum": srs_checksum,
        },
        "bytes": lode.encode_network(params, srs_checksum),
        "network_hash": lode.network_hash(params, srs_checksum),
        "genesis_header": genesis,
        "genesis_content_hash": lode.content_hash(genesis),
        "genesis_hash": lode.block_hash(genesis, no_proof),
        "genesis_state_root": genesis[142:174],
        "genesis_block": genesis + lode.encode_proof(no_proof) + lode.encode_body([], []),
        "genesis_supply": fund + sum(allocations.values()),
        "genesis_share_fund": fund,
    }


def encodings():
    genesis_hash, challenge = fill("genesis hash"), fill("challenge")
    a_header, a_share = header("header", 2**24 + 2), share("share")
    a_transfer, a_proof = transfer("transfer"), proof("block")
    header_bytes, transfer_bytes = lode.encode_header(a_header), actions.encode(a_transfer)
    signature = fill("signature", 128)
    signed = transfer_bytes + signature
    shares = [lode.encode_share(a_share), lode.encode_share(share("second share"))]
    body = lode.encode_body([signed], shares)
    said = lode.statement(
        genesis_hash, challenge, a_share["anchor_hash"], a_share["content_hash"], a_share["prover"]
    )
    items = [fill(f"item {index}", index + 1) for index in range(9)]
    allocations = {
        address: 1_000_000 * (index + 1) for index, address in enumerate(sorted(valid_addresses(3)))
    }
    return {
        "networks": [network({}), network(allocations)],
        "header": {
            "fields": a_header,
            "bytes": header_bytes,
            "content_hash": lode.content_hash(header_bytes),
        },
        "share": {
            "fields": a_share,
            "bytes": shares[0],
            "genesis_hash": genesis_hash,
            "epoch_challenge": challenge,
            "statement": said,
            "ticket": lode.ticket(said, a_share),
        },
        "transaction": {
            "fields": a_transfer,
            "bytes": transfer_bytes,
            "signature": signature,
            "signed_bytes": signed,
            "genesis_hash": genesis_hash,
            "id": lode.transaction_id(genesis_hash, transfer_bytes),
        },
        "block": {
            "proof": a_proof,
            "bytes": header_bytes + lode.encode_proof(a_proof) + body,
            "body": body,
            "hash": lode.block_hash(header_bytes, a_proof),
            "transactions_root": lode.merkle_root([signed]),
            "shares_root": lode.merkle_root(shares),
        },
        "account": {"balance": 2**63 + 5, "nonce": 7, "bytes": lode.encode_account(2**63 + 5, 7)},
        "pending": {
            "credits": [[bytes([first]) * 32, 100 + first] for first in (1, 2, 200)],
            "bytes": lode.encode_pending(
                {bytes([first]) * 32: 100 + first for first in (1, 2, 200)}
            ),
        },
        "amount": {"amount": 2**64 - 2, "bytes": lode.u64(2**64 - 2)},
        "weight": {
            "epoch": 2**32 - 2,
            "carried": 2**33 - 7,
            "shares": 2**16 - 3,
            "bytes": lode.encode_weight(2**32 - 2, 2**33 - 7, 2**16 - 3),
        },
        "supply": {
            "amounts": list(range(2**63, 2**63 + 9)),
            "bytes": b"".join(lode.u64(amount) for amount in range(2**63, 2**63 + 9)),
        },
        "merkle_roots": [
            {"items": items[:count], "root": lode.merkle_root(items[:count])} for count in range(10)
        ],
    }


# --- Addresses: x-coordinates of points of prime order, Edwards curve over BLS12-377's Fr ---------

FIELD = 8444461749428370424248824938781546531375899335154063827935233455917409239041
SUBGROUP = 2111115437357092606062206234695386632838870926408408195193685246394721360383
CURVE_D = 3021  # −x² + y² = 1 + d·x²·y²


def square_root(square):
    """A root in the field, or None: Tonelli and Shanks."""
    if square == 0 or pow(square, (FIELD - 1) // 2, FIELD) != 1:
        return None if square else 0
    odd, twos = FIELD - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    order, generator = twos, pow(22, odd, FIELD)
    root, rest = pow(square, (odd + 1) // 2, FIELD), pow(square, odd, FIELD)
    while rest != 1:
        least, power = 0, rest
        while power != 1:
            power, least = power * power % FIELD, least + 1
        factor = pow(generator, 1 << order - least - 1, FIELD)
        order, generator = least, factor * factor % FIELD
        root, rest = root * factor % FIELD, rest * generator % FIELD
    return root


def add(p, q):
    (x1, y1), (x2, y2) = p, q
    product = CURVE_D * x1 * x2 * y1 * y2 % FIELD
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, FIELD) % FIELD,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, FIELD) % FIELD,
    )


def multiply(p, scalar):
    result = (0, 1)
    while scalar:
        result, p, scalar = add(result, p) if scalar & 1 else result, add(p, p), scalar >> 1
    return result


def points(x):
    """The points with this x-coordinate."""
    y = square_root((1 + x * x) * pow(1 - CURVE_D * x * x, -1, FIELD) % FIELD)
    return [] if y is None else [(x, y), (x, FIELD - y)]


def encode_x(x):
    return x.to_bytes(32, "little")


def candidates():
    for index in itertools.count():
        x = number(f"address {index}", 256) % FIELD
        yield x, points(x)


def is_address(found):
    return any(multiply(point, SUBGROUP) == (0, 1) for point in found)


def valid_addresses(count):
    return [
        encode_x(x)
        for x, _ in itertools.islice((c for c in candidates() if is_address(c[1])), count)
    ]


def addresses():
    off_curve = next(x for x, found in candidates() if not found)
    off_subgroup = next(x for x, found in candidates() if found and not is_address(found))
    good = valid_addresses(8) + [lode.ZERO]
    return {
        "accepted": [{"bytes": address, "text": lode.address_text(address)} for address in good],
        "refused": [
            {"why": "the field's order", "bytes": encode_x(FIELD)},
            {
                "why": "an address plus the field's order",
                "bytes": encode_x(int.from_bytes(good[0], "little") + FIELD),
            },
            {"why": "no point has this x-coordinate", "bytes": encode_x(off_curve)},
            {
                "why": "its points are not in the prime-order subgroup",
                "bytes": encode_x(off_subgroup),
            },
            {"why": "all bits set", "bytes": b"\xff" * 32},
        ],
    }


# --- Chain rules ----------------------------------------------------------------------------------

HALVING = 8_409_600


def next_targets():
    for interval_ms, tau_ms in ((15_000, 3_600_000), (2_000, 60_000), (7, 13)):
        on_time, cap = interval_ms, interval_ms + tau_ms
        solve_times_ms = [
            0,
            1,
            on_time - 1,
            on_time,
            on_time + 1,
            tau_ms,
            cap - 1,
            cap,
            cap + 1,
            10**9,
            -1,
            -tau_ms,
            on_time - tau_ms,
            on_time - tau_ms - 1,
            -159 * tau_ms,
            on_time - 127 * tau_ms,
            on_time - 160 * tau_ms,
            2**64 - 1,
            1 - 2**64,
        ]
        solve_times_ms += [
            number(f"solve time {index}", 32) % (4 * tau_ms) - 2 * tau_ms for index in range(6)
        ]
        for target in (1, 2, 2**64 + 1, 2**100, number("target", 128), 2**127, lode.MAX_128):
            for solve_time_ms in solve_times_ms:
                result = lode.next_target(target, solve_time_ms, interval_ms, tau_ms)
                yield {
                    "target": target,
                    "solve_time_ms": str(solve_time_ms),
                    "interval_ms": interval_ms,
                    "tau_ms": tau_ms,
                    "next": result,
                }


def anchor_heights():
    for length, window in ((20, 8), (240, 64), (2, 1), (2, 5), (5, 64)):
        params = {"epoch_length": length, "share_window": window}
        edges = {epoch * length + step for epoch in (1, 2, 3) for step in (-1, 0, 1, 2)}
        for height in sorted({0, 1, 2, window, window + 1, *edges}):
            allowed = lode.anchor_heights(params, height)
            yield {**params, "height": height, "first": allowed.start, "end": allowed.stop}


def share_pays():
    for height, count in itertools.product((1, HALVING, 10 * HALVING), (1, 4, 16)):
        for first in (3, 2**100, lode.MAX_128):
            for now in (1, first // 2, first, min(lode.MAX_128, first * 3 // 2), lode.MAX_128):
                pay = lode.share_pay(height, now, first, count)
                yield {
                    "height": height,
                    "target": now,
                    "first_target": first,
                    "shares_per_block": count,
                    "share_pay": pay,
                    "inclusion_fee": pay // 32,
                }


def emissions():
    for height in (
        0,
        1,
        HALVING - 1,
        HALVING,
        HALVING + 1,
        9 * HALVING,
        26 * HALVING,
        64 * HALVING,
        2**32 - 1,
    ):
        producer, proving_pool, share_fund = lode.emission(height)
        yield {
            "height": height,
            "subsidy": lode.subsidy(height),
            "producer": producer,
            "proving_pool": proving_pool,
            "share_fund": share_fund,
        }


def chain():
    some_targets = [
        1,
        2,
        3,
        2**64 - 1,
        2**100,
        number("target", 128),
        2**127,
        lode.MAX_128 - 1,
        lode.MAX_128,
    ]
    return {
        "epoch_challenges": [
            {"hash": fill(label), "challenge": lode.epoch_challenge(fill(label))} for label in "ab"
        ],
        "next_targets": list(next_targets()),
        "targets": [
            {"target": target, "work": lode.work(target), "difficulty": lode.difficulty(target)}
            for target in some_targets
        ],
        "share_targets": [
            {
                "first_target": target,
                "shares_per_block": count,
                "share_target": lode.share_target(target, count),
            }
            for target in some_targets
            for count in (1, 4, 16, 1024)
        ],
        "anchor_heights": list(anchor_heights()),
        "emissions": list(emissions()),
        "share_pays": list(share_pays()),
    }


def rosters():
    provers = [fill(f"prover {index}") for index in range(7)]
    for height in [*range(1, 12), 2**32 - 1]:
        weights = {
            prover: 1 + number(f"weight {height} {index}", 16 + 8 * (index % 5))
            for index, prover in enumerate(provers[: height % 8])
        }
        yield height, fill(f"parent of {height}"), weights
    for height in range(6):  # Height 0 has no roster; the function does not mind.
        yield height, b"\x09" * 32, {bytes([index]) * 32: 2**15 * index for index in (1, 2, 4)}


def epochs():
    """Weights halved at the end of every epoch, and the leaves of the state then, which know of no
    such end.
    """
    a, b, c = (fill(f"prover {name}") for name in "abc")
    weights, weight_sum, histories, sums = {}, 0, {a: [], b: [], c: []}, []
    for shares in (
        [{}, {a: 3, b: 1}, {c: 70}, {}, {a: 1, b: 900}, {a: 2**16 - 2, b: 1}] + [{}] * 18 + [{c: 1}]
    ):
        weights, weight_sum = (
            lode.next_weights(weights, shares),
            lode.next_weight_sum(weight_sum, shares),
        )
        for prover, history in histories.items():
            history.append((weights.get(prover, 0), shares.get(prover, 0)))
        sums.append((weight_sum, sum(shares.values())))
        leaves = {prover: lode.weight_leaf(history) for prover, history in histories.items()}
        yield {
            "shares": shares,
            "weights": dict(sorted(weights.items())),
            "weight_sum": weight_sum,
            "leaves": {
                prover: lode.encode_weight(*leaf) for prover, leaf in leaves.items() if leaf
            },
            "sum_leaf": lode.encode_weight(*lode.weight_leaf(sums))
            if lode.weight_leaf(sums)
            else None,
        }


def rights():
    arguments = [1, 2, 3, 2**32 - 1, 2**63, 2**63 + 1, 2**64 - 1, 2**64, 16481359804300044275]
    arguments += [number(f"lg {index}", 64) + 1 for index in range(20)]
    return {
        "lg": [{"x": x, "lg": lode.lg(x)} for x in arguments],
        "epochs": list(epochs()),
        "rosters": [
            {
                "height": height,
                "parent_hash": parent,
                "weights": weights,
                "roster": lode.roster(weights, parent, height),
            }
            for height, parent, weights in rosters()
        ],
    }


# --- The state tree -------------------------------------------------------------------------------


def trees():
    """Trees of accounts, each with proofs of some leaves and of some keys that are not there."""
    for count in (0, 1, 2, 3, 50):
        accounts = {
            fill(f"account {index}"): (number(f"balance {index}", 64), index)
            for index in range(count)
        }
        values = {
            lode.account_key(address): lode.encode_account(*account)
            for address, account in accounts.items()
        }
        leaves = [(key, lode.b256("", value)) for key, value in values.items()]
        proofs = []
        for address in list(accounts)[:6] + [fill(f"nobody {index}") for index in range(6)]:
            key = lode.account_key(address)
            leaf, siblings = lode.tree_proof(leaves, key)
            assert lode.proof_root(key, values.get(key), leaf, siblings) == lode.tree_root(leaves)
            proofs.append(
                {"address": address, "value": values.get(key), "leaf": leaf, "siblings": siblings}
            )
        yield {
            "accounts": [[address, *account] for address, account in accounts.items()],
            "root": lode.tree_root(leaves),
            "proofs": proofs,
        }


def state():
    address, numbers = fill("keyed address"), (0, 1, 2**32 - 1)
    return {
        "account_keys": [{"address": address, "key": lode.account_key(address)}],
        "pending_keys": [{"height": height, "key": lode.pending_key(height)} for height in numbers],
        "proving_pool_keys": [
            {"epoch": epoch, "key": lode.proving_pool_key(epoch)} for epoch in numbers
        ],
        "share_fund_key": lode.share_fund_key(),
        "weight_keys": [{"address": address, "key": lode.weight_key(address)}],
        "weight_sum_key": lode.weight_sum_key(),
        "trees": list(trees()),
    }


def main():
    stale = []
    for make in (encodings, addresses, chain, rights, state, market_bytes, market_rules):
        path, text = FOLDER / f"{make.__name__}.json", json.dumps(plain(make()), indent=1) + "\n"
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        print(f"not what generate.py writes: {', '.join(stale)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
