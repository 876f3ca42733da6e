"""The market's golden vectors of rules: what goes in, and what comes out, up to the limits of the
integers."""

import itertools

from inputs import fill, number
from lode_market import leaves, rules
from lode_market.rules import DEVNET, MAINNET
from market_bytes import LEAST_POLICY, MAX_16, MAX_32, MAX_64

PRICES = (1, 9, 20, 99, 10_000, 10**6 + 1, 2**53 + 1, MAX_64)


def values():
    for price, late in (
        (1, 0),
        (7, 0),
        (7, 7),
        (1_000, 10),
        (10**6, 999_999),
        (MAX_64, 0),
        (MAX_64, MAX_64 - 1),
    ):
        for soft, hard in ((10, 10), (10, 11), (10, 13), (10, 100_009), (MAX_32 - 9, MAX_32)):
            for height in sorted(
                {0, soft, soft + 1, (soft + hard) // 2, hard, hard + 1} - {MAX_32 + 1}
            ):
                yield {
                    "price": price,
                    "late_price": late,
                    "soft": soft,
                    "hard": hard,
                    "height": height,
                    "value": rules.value(price, late, soft, hard, height),
                }


def bonds():
    for price, bps, least in itertools.product(PRICES, (1_000, 3_333, MAX_16), (0, 10_001, MAX_64)):
        policy = LEAST_POLICY.replace(bond_bps=bps, min_bond=least)
        for damage in (0, 12_345_678):
            base = rules.base_bond(MAINNET, policy, price)
            bond = rules.job_bond(MAINNET, policy, price, damage)
            # They fit no u64, nor any bond that can be locked, from a price of 2^64 / 6.5 on.
            yield {
                "price": price,
                "bond_bps": bps,
                "min_bond": least,
                "damage": damage,
                "base": str(base),
                "bond": str(bond),
            }


def money():
    return {
        "request_bonds": [
            {"price": price, "bond": rules.request_bond(MAINNET, price)}
            for price in (*PRICES, 99_999, 100_000, 100_010, 100_019)
        ],
        "rents": [
            {"size": size, "hard_blocks": blocks, "burned": rules.rent(size, blocks)}
            for size, blocks in itertools.product(
                (1, 161, 999, 61_312), (1, 2, 999, 1_000, 100_000)
            )
        ],
        "pays": [
            {
                "pay": pay,
                "royalty_bps": royalty,
                **dict(zip(("burned", "royalty", "rest"), rules.split_pay(pay, royalty))),
            }
            for pay, royalty in itertools.product((0, *PRICES), (0, 1, 333, 2_000))
        ],
        "decline_burns": [
            {
                "base": base,
                "assigned": 100,
                "height": height,
                "burned": rules.decline_burn(base, 100, height),
            }
            for base, height in itertools.product((1, 100, 10_000, 10_001, 2**53), (100, 101, 132))
        ],
        "failures": [
            {"bond": bond, "price": price, "to_requester": rules.failure_part(bond, price)}
            for bond, price in itertools.product(
                (1, 10_000, 10_001, MAX_64), (1, 4_999, 5_000, MAX_64)
            )
        ],
        "false_proofs": [
            {
                "amount": amount,
                **dict(zip(("burned", "to_producer"), rules.false_proof_parts(amount))),
            }
            for amount in (0, 1, 2, 1_000_000, 1_000_001)
        ],
    }


def late_slashes():
    for price, value in (
        (1, 1),
        (1, 0),
        (1_000, 900),
        (1_000, 899),
        (10_000, 8_999),
        (1_000, 0),
        (MAX_64, 0),
        (MAX_64, 1),
        (MAX_64, MAX_64 - 2**60),
    ):
        for bond, own in itertools.product((1, 39, 40, 10_000, 10_007, MAX_64), (False, True)):
            slashed, requester, deliverer = rules.late_slash(bond, price, value, own)
            yield {
                "bond": bond,
                "price": price,
                "value": value,
                "by_misser": own,
                "bps": rules.late_bps(price, value),
                "slashed": slashed,
                "to_requester": requester,
                "to_deliverer": deliverer,
            }


def subsidies():
    cases = [
        (0, 100, 100, 1, 1, 0),
        (10, 100, 100, 1, 1, 0),
        (11, 100, 100, 1, 1, 0),
        (1_000, 100, 1_000, 1, 1, 0),
        (1_000, 1_000, 1_000, 1, 3, 0),
        (1_000, 1_000, 1_000, 1, 3, 300),
        (1_000, 1_000, 1_000, 1, 3, 333),
        (1_000, 1_000, 1_000, 1, 3, 334),
        (1_000, 1_000, 1_000, 0, 3, 0),
        (1_000, 1_000, 1_000, 0, 0, 0),
        (MAX_64 // 20, MAX_64, MAX_64, 2**33, 2**33, 0),
        (MAX_64, MAX_64, MAX_64, MAX_64, MAX_64, 5),
    ]
    for case in cases:
        names = ("burned", "left", "granted", "weight", "weight_sum", "taken")
        yield {**dict(zip(names, case)), "paid": rules.subsidy(*case)}


def reputations():
    after = [
        {
            "reputation": before,
            "earned": earned,
            "unit": unit,
            "after": rules.reputation_after(before, earned, unit),
        }
        for before, earned, unit in itertools.product(
            (0, 1, 5_000, 9_900, 9_968, 9_969, 10_000),
            (0, 1, 3_199, 3_200, 999_999, 10**7, MAX_64),
            (1_000_000, 10_000_000),
        )
    ]
    fallen = [
        {
            "reputation": before,
            "missed": rules.reputation_missed(before),
            "declined": rules.reputation_declined(before),
        }
        for before in (0, 1, 3, 4, 5, 64, 65, 9_969, 10_000)
    ]
    return {"after_epoch": after, "fallen": fallen}


def rolls():
    """An operator's leaf as it reads in a later epoch."""
    for reputation, burned, subsidy in (
        (0, 0, 0),
        (0, 10**6, 0),
        (5_000, 10**6, 9 * 10**5),
        (9_969, MAX_64, 0),
    ):
        operator = leaves.Operator(10**9, 10**6, 10**8, 77, 70, reputation, burned, subsidy, 3, 7)
        for epoch in (7, 8, 9, MAX_32):
            yield {
                "leaf": operator.encode(),
                "epoch": epoch,
                "rolled": rules.rolled(DEVNET, operator, epoch).encode(),
            }


def gates():
    tiers = [
        {
            "tier_unit": unit,
            "reputation": reputation,
            "price": price,
            "allowed": rules.tier_allows(unit, reputation, price),
        }
        for unit, reputation, price in (
            (0, 0, MAX_64),
            (1, 0, 1),
            (1, 0, 2),
            (100, 9, 1_000),
            (100, 9, 1_001),
            (MAX_64, 10_000, MAX_64),
            (MAX_64 // 10_001, 10_000, MAX_64),
        )
    ]
    caps = [
        {
            "share_cap_bps": bps,
            "own": own,
            "assigned": assigned,
            "allowed": rules.cap_allows(bps, own, assigned),
        }
        for bps, own, assigned in itertools.product(
            (0, 1, 2_500, 3_333, 5_000, 10_000), (0, 1, 2, 5), (0, 1, 2, 3, 7, 11, 2_047)
        )
        if own <= assigned
    ]
    return {"tiers": tiers, "caps": caps}


def bands():
    for price, value, ask, band in itertools.product(
        (1_000, MAX_64), (0, 999), (1, 1_000, MAX_64), (0, 33, 1_000)
    ):
        cost = rules.effective(ask, price, value)
        yield {
            "ask_price": ask,
            "price": price,
            "value": value,
            "band_bps": band,
            "effective": str(cost),
            "limit": str(rules.band_limit(cost, band)),
        }


def draws():
    for index, group in itertools.product(range(4), (0, 1, 64, MAX_16)):
        arguments = (
            fill(f"match hash {index}"),
            fill(f"match class {index}"),
            group,
            fill(f"operator {index}"),
        )
        x = rules.draw(*arguments)
        names = ("block_hash", "place", "group", "operator")
        yield {**dict(zip(names, arguments)), "x": str(x), "clock": rules.clock(x)}


def rankings():
    """Operators with weights, in the order in which they are asked."""
    for index in range(12):
        block_hash, class_id, group = (
            fill(f"rank hash {index}"),
            fill(f"rank class {index}"),
            index % 3,
        )
        weights = {
            fill(f"ranked {index} {at}"): number(f"weight {index} {at}", 8 * (1 + at % 8))
            if at % 3
            else 0
            for at in range(index)
        }
        if index == 11:
            weights = {operator: 2**64 - 1 - at for at, operator in enumerate(weights)}

        def rank(operator, drawn=(block_hash, class_id, group), of=weights):
            return rules.RANK((rules.drawn_clock(*drawn, operator), of[operator], operator))

        yield {
            "block_hash": block_hash,
            "class": class_id,
            "group": group,
            "weights": sorted(weights.items()),
            "order": sorted(weights, key=rank),
        }


def rank_ties():
    """Bare comparisons: (L, W, address) of two, and which comes first: the lesser L/W, then the
    lesser address."""
    low, high = b"\1" * 32, b"\2" * 32
    for l1, w1, l2, w2 in (
        (5, 7, 10, 14),
        (10, 14, 5, 7),
        (5, 7, 5, 8),
        (0, 1, 0, 9),
        (3, 0, 2, 0),
        (2, 0, 2, 0),
        (1, 0, 2**38, 1),
        (2**38, MAX_64, 2**38, MAX_64 - 1),
        (2**38, 1, 2**38 - 1, 1),
    ):
        yield {
            "first": [l1, w1, low],
            "second": [l2, w2, high],
            "order": rules.compare_ranks((l1, w1, low), (l2, w2, high)),
        }


def contests():
    for index in range(8):
        deliveries = [
            leaves.Delivery(fill(f"contestant {index} {at}"), 100 + at // 3)
            for at in range(2 * index + 1)
        ]
        for randomised in (0, 1):
            policy = LEAST_POLICY.replace(selection=2, randomised=randomised)
            drawn = fill(f"contest hash {index}"), fill(f"contest job {index}")
            order = rules.contest_order(policy, *drawn, deliveries)
            yield {
                "block_hash": drawn[0],
                "job": drawn[1],
                "randomised": randomised,
                "deliveries": deliveries,
                "order": [delivery.operator for delivery in order],
            }


def market_rules():
    return {
        "constants": {"mainnet": MAINNET, "devnet": DEVNET},
        "values": list(values()),
        "bonds": list(bonds()),
        **money(),
        "late_slashes": list(late_slashes()),
        "subsidies": list(subsidies()),
        "reputations": reputations(),
        "rolls": list(rolls()),
        "gates": gates(),
        "bands": list(bands()),
        "draws": list(draws()),
        "rankings": list(rankings()),
        "rank_ties": list(rank_ties()),
        "contests": list(contests()),
        "deliver_costs": [
            {"count": count, "values": values_, "units": rules.deliver_cost(count, values_)}
            for count, values_ in itertools.product((1, 2, 16), (0, 1, 63))
        ],
    }
