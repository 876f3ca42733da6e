#!/usr/bin/env python3
"""Computes the figures that docs/src/protocol/market.md gives for what the market's rules leave as
it is, and prints them as the rows of its tables.

    tests/market_figures.py

Amounts follow from the rules of lode_market at devnet's constants, chances from their formulas. A
test (tests/tests/docs_true.rs) finds each printed line in the page. Python 3.9 or later, standard
library only.
"""

import math
import sys
from fractions import Fraction

sys.dont_write_bytecode = True

import lode_protocol as lode  # noqa: E402
from lode_market import actions, rules  # noqa: E402
from lode_market.actions import Policy  # noqa: E402

P = rules.DEVNET
CREDIT = 10**6
LONGEST = 100_000  # blocks: 17 days of 15 seconds
PRODUCER, POOL, _FUND = lode.emission(1)
MAX_LIVE, MAX_STANDING = 2_048, 256
POLICY = Policy(0, 1, 1, 0, 0, 1_000, 0, 0, 0, 0, 10_000, 64, 2, 0, ())


def credits(amount):
    """Microcredits as credits, with three digits that count."""
    value = Fraction(amount) / CREDIT
    digits = 0 if value >= 1_000 else max(0, 2 - math.floor(math.log10(value)))
    text = f"{float(value):,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def request_rent(hard_blocks, operator=None):
    """What a Request of one value without witness burns."""
    request = {
        "type": "request",
        "from": bytes(32),
        "fee": 0,
        "nonce": 0,
        "expiry": 0,
        "class": bytes(32),
        "price": 1,
        "late_price": 1,
        "soft_blocks": 1,
        "hard_blocks": hard_blocks,
        "damage": 0,
        "min_reputation": 0,
        "flags": actions.DIRECT if operator else 0,
        "operator": operator,
        "values": (bytes(32),),
        "witness": b"",
    }
    return rules.rent(len(actions.encode(request)), hard_blocks)


# --- Chances --------------------------------------------------------------------------------------


def poisson(mean, count):
    return math.exp(-mean) * mean**count / math.factorial(count)


def missed(mean, blocks, censor=0.0):
    """The chance that a promise of so many blocks is missed: so many blocks come while the proof is
    made, or those that are left after it are all a censor's. `mean`: t/I."""
    late = sum(poisson(mean, count) for count in range(blocks, blocks + 60))
    left = sum(poisson(mean, count) * censor ** (blocks - count) for count in range(blocks))
    return late + left


def least_blocks(mean):
    return next(blocks for blocks in range(1, 100) if missed(mean, blocks) <= 1e-4)


def promises():
    """Rows: t/I, the chances for 1 to 8 blocks, and the default of an operator's program."""
    for mean in (0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 3.0):
        chances = [f"{missed(mean, blocks):.1e}" for blocks in (1, 2, 3, 4, 6, 8)]
        yield f"{mean:g}", *chances, f"{least_blocks(mean)} + 2"


def censors():
    """Rows: the censor's part of the blocks, and the chances where t/I = 0.2."""
    for part in (0.0, 0.1, 0.2, 0.3, 0.4):
        yield f"{part:g}", *(f"{100 * missed(0.2, blocks, part):.2f} %" for blocks in (3, 4, 5, 6))


# --- Amounts --------------------------------------------------------------------------------------


def of_operators():
    """Rows: what operators can make of the book, and what it is worth."""
    bands = [(bps / 100, 1 / (1 + bps / 10_000)) for bps in (100, 500, 1_000)]
    yield (
        "undercutting the others in a band pays below this part of the weight",
        ", ".join(f"{part:.3f} at {band:g} %" for band, part in bands),
    )
    prices = (CREDIT // 10, CREDIT, 100 * CREDIT)
    bonds = [rules.base_bond(P, POLICY, price) for price in prices]
    opened = [
        f"{credits(8 * rules.decline_burn(bond, 1, 1))} for a job of {credits(price)}"
        for price, bond in zip(prices, bonds)
    ]
    yield "eight decliners open a job for 8 % of a bond, in credits", ", ".join(opened)
    yield (
        "they tie up eight bonds, and FALSE_PROOF beside each",
        f"{credits(8 * (bonds[1] + P['false_proof']))} credits for a job of 1, for 8 blocks",
    )
    margin = Fraction(PRODUCER, rules.GROUP * CREDIT)
    yield (
        "a block thrown away for another draw costs its producer's part of the subsidy",
        f"{credits(PRODUCER)} credits: the 16 jobs of a group pay for it above {float(margin):g}"
        " each",
    )


def of_blocks():
    """Rows: what fills a block, and what that costs."""
    shortest = request_rent(2)
    yield (
        "a crowd of jobs with one hard delays others' misses by a block for each 8,192",
        f"{credits(rules.MAX_AGENDA * shortest)} credits of rent and 8,192 fees",
    )
    # Eight operators of one's own decline each of them.
    each = rules.decline_burn(P["min_bond"], 1, 1) + Fraction(request_rent(12), 8)
    yield (
        "own jobs delay others' matching by a block for each 1,024 assignments",
        f"{credits(rules.MAX_ASSIGNMENTS * each)} credits and 1,152 fees",
    )
    raises = rules.MAX_CLASSES * request_rent(LONGEST)
    yield (
        "Raises by nothing fill a block's 256 classes",
        f"256 fees a block; {credits(raises)} credits of rent for 17 days",
    )
    budget, one, sixteen = P["proof_budget"], rules.deliver_cost(1, 1), rules.deliver_cost(16, 1)
    alone, batches, others = budget // one, budget // sixteen, budget // 2 // one
    yield (
        "own deliveries fill a block's budget",
        f"{alone} Delivers of a job, or {batches} of 16: a fee each, and the rent of the jobs",
    )
    yield "Delivers of others than the assignees fill their half of it", f"{others} Delivers"
    one_by_one, batched = (-(-rules.MAX_ASSIGNMENTS // n) for n in (alone, 16 * batches))
    yield (
        "a block's 1,024 assignments take more blocks than one to verify",
        f"{one_by_one} one by one, {batched} in batches of 16",
    )


def of_the_pool():
    """Rows: what is withheld without demand."""
    for name, length in (("devnet", 20), ("mainnet", 240)):
        yield (
            f"without demand the pools withhold emission, on {name}",
            f"at most {credits(3 * POOL * length)} credits, three epochs' part; from then on each"
            f" epoch returns its {credits(POOL * length)}",
        )


def of_room():
    """Rows: the ways to occupy room, and what each burns in 100,000 blocks."""
    direct = request_rent(LONGEST, bytes(32))
    declined = direct + rules.decline_burn(P["min_bond"], 1, 1)
    rounds = Fraction(LONGEST, 33) * MAX_STANDING * request_rent(100)
    yield "A", f"{credits(MAX_STANDING * declined)} credits"
    yield "B", f"{credits(64 * direct)} credits"
    yield "C", f"{credits(MAX_LIVE * direct)} credits"
    yield "E", f"{credits(rounds)} credits"


def rows(lines):
    return [f"| {' | '.join(cells)} |" for cells in lines]


def main():
    for part in (promises, censors, of_operators, of_blocks, of_the_pool, of_room):
        print("\n".join(rows(part())))


if __name__ == "__main__":
    main()
