"""What a block does to the state, in its order: maturity, roll-over, agenda, matching,
transactions, subsidy and shares."""

import lode_protocol as lode

from . import agenda, matching, rules, transactions
from .block import TRANSACTIONS, Block
from .leaves import Pending, Pool, Weight


class SupplyError(Exception):
    """Money came from nowhere, or went there."""


def begin(state, params, height, hashes, limits=None):
    """All that happens before the transactions."""
    b = Block(state, params, height, hashes, limits)
    mature(b)
    if height % params["epoch_length"] == 0:
        roll_over(b)
    agenda.run(b)
    matching.run(b)
    b.phase = TRANSACTIONS
    return b


def apply(state, params, height, hashes, block, limits=None):
    """A whole block. `block`: producer, provers (one for each share), target, first_target, and
    transactions as (transaction, verdict, values). Gives the block and the outcomes."""
    b = begin(state, params, height, hashes, limits)
    outcomes = [
        transactions.apply(b, t, place, verdict, values)
        for place, (t, verdict, values) in enumerate(block["transactions"])
    ]
    finish(b, block["producer"], block["provers"], block["target"], block["first_target"])
    return b, outcomes


def mature(b):
    key = ("pending", b.height - b.p["maturity"])
    pending = b.state.get(*key)
    if pending:
        for address, amount in pending.credits.items():
            b.credit(address, amount)
            b.state.supply_add(pending=-amount)
        b.state.put(key, None)


def roll_over(b):
    """The pool of two epochs ago goes, half of it into that of the last one, the rest into the
    share fund."""
    pool = b.state.get("proving-pool", b.epoch - 2)
    if pool is None:
        return
    b.state.put(("proving-pool", b.epoch - 2), None)
    b.state.supply_add(proving_pools=-pool.left)
    pool_add(b, b.epoch - 1, pool.left // 2)
    b.fund_add(pool.left - pool.left // 2)


def pool_add(b, epoch, amount):
    if amount:
        pool = b.state.get("proving-pool", epoch) or Pool(0, 0)
        b.state.put(("proving-pool", epoch), Pool(pool.granted + amount, pool.left + amount))
        b.state.supply_add(proving_pools=amount)


def finish(b, producer, provers, target, first_target):
    """All that happens after the transactions."""
    to_producer, to_pool, to_fund = lode.emission(b.height)
    b.state.supply_add(emitted=to_producer + to_pool + to_fund)
    pool_add(b, b.epoch, to_pool)
    b.fund_add(to_fund)
    b.mine(producer, to_producer + b.fees + b.to_producer)
    count_shares(b, provers)
    pay = lode.share_pay(b.height, target, first_target, b.p["shares_per_block"])
    if b.state.get("share-fund").amount < pay * len(provers):
        raise SupplyError("the share fund is overdrawn")
    b.fund_add(-pay * len(provers))
    for prover in provers:
        b.mine(producer, pay // 32)
        b.mine(prover, pay - pay // 32)
    if b.mined:
        b.state.put(("pending", b.height), Pending(credits=dict(sorted(b.mined.items()))))
    if not b.state.supply.check_sum():
        raise SupplyError(b.state.supply)


def count_shares(b, provers):
    """Each share in the weight of the address that it counts for, and in the sum."""
    for prover in provers:
        count_share(b, ("weight", b.appointment(prover)[0]))
        count_share(b, ("weight-sum",))


def count_share(b, key):
    leaf = b.state.get(*key)
    if leaf is None or leaf.epoch < b.epoch:
        leaf = Weight(b.epoch, rules.frozen_weight(leaf, b.epoch), 0)
    b.state.put(key, leaf.replace(shares=leaf.shares + 1))
