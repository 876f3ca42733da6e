"""The market's arithmetic: pure functions of integers, every division floors unless its name says
ceil."""

import functools

import lode_protocol as lode

from .leaves import Operator

BPS = 10_000
MAX_U64 = 2**64 - 1
MAX_ASSIGNMENTS = 1_024  # a block
MAX_TAKING = 16  # assignments of an ask in one taking of ask events
MAX_AGENDA = 8_192  # entries a block
MAX_CLASSES = 256  # that Requests, Raises and Asks of a block name
GROUP = 16
LEAF_BLOCKS = 64  # an ended job's leaf stays so much longer than hard

# Constants of section 8, in the order of the network's bytes.
CONSTANTS = (
    "deposit",
    "min_request_bond",
    "min_bond",
    "false_proof",
    "reputation_unit",
    "proof_budget",
)
MAINNET = {
    "deposit": 10,
    "min_request_bond": 10_000,
    "min_bond": 10_000,
    "false_proof": 1_000_000,
    "reputation_unit": 10_000_000,
    "proof_budget": 400_000,
}
DEVNET = {**MAINNET, "reputation_unit": 1_000_000}


def ceil_div(a, b):
    return -(-a // b)


# --- Value and money ------------------------------------------------------------------------------


def value(price, late_price, soft, hard, height):
    """V(height): what the job is worth if delivered then."""
    if height <= soft:
        return price
    if height > hard:
        return 0
    return price - (price - late_price) * (height - soft) // (hard - soft)


def request_bond(p, price):
    return max(p["min_request_bond"], price // 10)


def rent(size, hard_blocks):
    return size * (hard_blocks + 1_000) // 1_000


def base_bond(p, policy, price):
    """A job's bond without the damage; of an ask's price, the least that an Ask must be able to
    lock."""
    return max(policy.min_bond, p["min_bond"], ceil_div(price * policy.bond_bps, BPS))


def job_bond(p, policy, price, damage):
    return max(base_bond(p, policy, price), damage)


def decline_burn(base, assigned, height):
    return ceil_div(base * (height - assigned + 1), 100)


def split_pay(pay, royalty_bps):
    """Burned, to the creator, to the operator."""
    burned, royalty = pay // 20, pay * royalty_bps // BPS
    return burned, royalty, pay - burned - royalty


def late_bps(price, value_now):
    return max(1_000, min(BPS, (price - value_now) * BPS // price))


def late_slash(bond, price, value_now, own):
    """Slashed of a missed job's bond, and of that to the requester and to the deliverer; `own`: the
    misser delivered."""
    slashed = bond * late_bps(price, value_now) // BPS
    part = min(slashed // 4, price)
    return slashed, part, 0 if own else part


def failure_part(bond, price):
    """Of a missed job's bond, all of which is slashed, to the requester."""
    return min(bond // 2, price)


def false_proof_parts(amount):
    """Burned, to the producer."""
    return amount - amount // 2, amount // 2


def subsidy(burned, left, granted, weight, weight_sum, taken):
    if weight_sum == 0:
        return 0
    return max(0, min(9 * burned // 10, left, granted * weight // weight_sum - taken))


# --- Reputation and operators ---------------------------------------------------------------------


def reputation_after(reputation, earned, unit):
    return reputation + (BPS - reputation) * min(earned, unit) // (32 * unit)


def reputation_missed(reputation):
    return reputation - ceil_div(reputation, 4)


def reputation_declined(reputation):
    return reputation - ceil_div(reputation, 64)


def new_operator(epoch):
    return Operator(0, 0, 0, 0, 0, 0, 0, 0, 0, epoch)


def rolled(p, operator, epoch):
    """An operator's leaf as it reads in `epoch`."""
    if operator is None:
        return new_operator(epoch)
    if operator.epoch == epoch:
        return operator
    earned = operator.burned - operator.subsidy
    return operator.replace(
        reputation=reputation_after(operator.reputation, earned, p["reputation_unit"]),
        epoch_bond=operator.bond,
        burned=0,
        subsidy=0,
        epoch=epoch,
    )


# --- Mined weights --------------------------------------------------------------------------------


def weight_at_end(leaf, epoch):
    """W(epoch) by a leaf of that epoch, of the one after, or of an earlier one."""
    if leaf is None:
        return 0
    if leaf.epoch == epoch + 1:
        return leaf.carried
    return leaf.carried // 2 + 65_536 * leaf.shares >> epoch - leaf.epoch


def frozen_weight(leaf, epoch):
    """The weight that counts in `epoch`: that at the end of the epoch before."""
    return weight_at_end(leaf, epoch - 1) if epoch else 0


# --- Fitting and ranking --------------------------------------------------------------------------


def tier_allows(tier_unit, reputation, price):
    return tier_unit == 0 or price <= tier_unit * (reputation + 1)


def cap_allows(share_cap_bps, own, assigned):
    """Whether an operator with `own` of a class's `assigned` jobs may have one more."""
    return own + 1 <= max(1, ceil_div(share_cap_bps * (assigned + 1), BPS))


def effective(ask_price, price, value_then):
    return ask_price + price - value_then


def band_limit(lowest, band_bps):
    return lowest * (BPS + band_bps) // BPS


def draw(block_hash, place, group, operator):
    """x, from 1 to 2^64; `place` is the class, or the job of a contest."""
    digest = lode.b512("lode/match/v1", block_hash, place, lode.u16(group), operator)
    return int.from_bytes(digest[:8], "little") + 1


def clock(x):
    """L of section 5."""
    return (64 << 32) - lode.lg(x)


@functools.lru_cache(maxsize=4_096)
def drawn_clock(block_hash, place, group, operator):
    return clock(draw(block_hash, place, group, operator))


def compare_ranks(a, b):
    """Of (L, W, address): by L/W ascending; without weight last, by L; then by address."""
    (l1, w1, address1), (l2, w2, address2) = a, b
    if bool(w1) != bool(w2):
        return -1 if w1 else 1
    left, right = (l1 * w2, l2 * w1) if w1 else (l1, l2)
    if left != right:
        return -1 if left < right else 1
    return (address1 > address2) - (address1 < address2)


RANK = functools.cmp_to_key(compare_ranks)


def contest_order(policy, block_hash, job_id, deliveries):
    """The deliveries of a contest in the order in which they win."""

    def key(delivery):
        at = drawn_clock(block_hash, job_id, 0, delivery.operator)
        return (0 if policy.randomised else delivery.height, at, delivery.operator)

    return sorted(deliveries, key=key)


def deliver_cost(count, values):
    """Units of a Deliver with so many jobs of system 1, whose first has so many values."""
    return 12_000 + 600 * count + 40 * values * count


REGISTER_COST = 3_000
