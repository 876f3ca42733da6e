"""How jobs end, and what a miss is (sections 4 and 7)."""

from . import rules
from .leaves import CANCELLED, DELIVERED, FAILED, WAITING, Ended, Miss


def value_at(job, height):
    return rules.value(job.price, job.late_price, job.soft, job.hard, height)


def end(b, job_id, job, how):
    """The job is over; its escrow and bond are the caller's to give away."""
    b.put_job(job_id, Ended(how, job.class_id, job.values, job.hard))


def give_back(b, job):
    """Escrow and bond of a job that ends undelivered: the bond burns as far as operators burned to
    decline it."""
    b.saw("bait" if job.declines else "give back")
    burned = min(job.bond, sum(decline.burned for decline in job.declines))
    b.burn(burned)
    b.credit(job.requester, job.escrow + job.bond - burned)


def cancel(b, job_id, job):
    end(b, job_id, job, CANCELLED)
    give_back(b, job)


def fail(b, job_id, job):
    end(b, job_id, job, FAILED)
    give_back(b, job)
    for missed in job.misses:
        b.saw("failure slash")
        part = rules.failure_part(missed.bond, job.price)
        b.release(missed.operator, missed.bond, missed.bond)
        b.credit(job.requester, part)
        b.burn(missed.bond - part)


def miss(b, job_id, job):
    """An assignee has let its promise pass."""
    b.saw("miss")
    a = job.assignment
    missed = Miss(a.operator, a.promise, a.bond, a.price)
    b.put_job(job_id, job.replace(status=WAITING, misses=job.misses + (missed,)))
    b.set_reputation(a.operator, rules.reputation_missed)
    b.ask_fell(job.class_id, a.operator)
    b.job_event(job_id)


def deliver(b, job_id, job, operator):
    """A proof of the job holds, by its assignee or for an Open job."""
    cls, a, value_now = b.cls(job.class_id), job.assignment, value_at(job, b.height)
    caps = [p for p in (job.open_price, job.listed().get(operator)) if p is not None]
    pay = a.price if a else min([value_now] + caps)
    burned, royalty, rest = rules.split_pay(pay, cls.royalty_bps)
    b.saw("delivered" if a else "delivered Open")
    if not a and job.open_price is not None:
        b.saw("delivered at an open price")
    if not a and operator in job.listed():
        b.saw("delivered Open by one in the lists")
    end(b, job_id, job, DELIVERED)
    count_delivered(b, job.class_id)
    if a:
        b.release(operator, a.bond)
        b.ask_fell(job.class_id, operator)
        reward(b, operator, burned)
    b.burn(burned)
    b.credit(cls.creator, royalty)
    b.credit(operator, rest)
    b.credit(job.requester, job.escrow - pay + job.bond)
    for missed in job.misses:
        slash_late(b, job, missed, value_now, operator)
    for declined in job.declines:
        if declined.operator != operator:
            b.set_reputation(declined.operator, rules.reputation_declined)


def slash_late(b, job, missed, value_now, deliverer):
    own = missed.operator == deliverer
    b.saw("late slash, own" if own else "late slash")
    slashed, to_requester, to_deliverer = rules.late_slash(missed.bond, job.price, value_now, own)
    b.release(missed.operator, missed.bond, slashed)
    b.credit(job.requester, to_requester)
    b.credit(deliverer, to_deliverer)
    b.burn(slashed - to_requester - to_deliverer)


def count_delivered(b, class_id):
    cls = b.cls(class_id)
    b.state.put(("class", class_id), cls.replace(delivered=cls.delivered + 1))


def reward(b, operator, burned):
    """An assignee that delivers by its promise: the proving pool pays, and reputation will follow
    what was burned."""
    paid = 0
    pool = b.state.get("proving-pool", b.epoch - 1) if b.epoch else None
    o = b.operator(operator)
    if pool:
        paid = rules.subsidy(
            burned, pool.left, pool.granted, b.weight(operator), b.weight_sum(), o.subsidy
        )
    if pool:
        b.saw("subsidy" if paid else "no subsidy")
    if paid:
        b.state.put(("proving-pool", b.epoch - 1), pool.replace(left=pool.left - paid))
        b.state.supply_add(proving_pools=-paid)
        b.credit(operator, paid)
    b.put_operator(operator, o.replace(burned=o.burned + burned, subsidy=o.subsidy + paid))


def contest_end(job, policy):
    """The last height at which a contest with deliveries takes more."""
    return min(job.deliveries[0].height + policy.window, job.hard)


def contest(b, job_id, job, policy):
    """A contest is over: its value is shared among the winners."""
    cls = b.cls(job.class_id)
    total = value_at(job, job.deliveries[0].height)
    burned, royalty, rest = rules.split_pay(total, cls.royalty_bps)
    block_hash = b.hashes[contest_end(job, policy)]
    winners = rules.contest_order(policy, block_hash, job_id, job.deliveries)[: policy.winners]
    share = rest // len(winners)
    b.saw(f"contest, {min(len(job.deliveries), 4)} deliveries")
    end(b, job_id, job, DELIVERED)
    count_delivered(b, job.class_id)
    for delivery in job.deliveries:
        b.release(delivery.operator, policy.min_bond)
    for delivery in winners:
        b.credit(delivery.operator, share)
    b.burn(burned + rest - share * len(winners))
    b.credit(cls.creator, royalty)
    b.credit(job.requester, job.escrow - total + job.bond)
