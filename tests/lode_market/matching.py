"""Matching: each block joins waiting jobs and asks (section 5)."""

from . import agenda, rules, settlement
from .block import MATCHING
from .leaves import OPEN, WAITING, AskEvent, Assignment, JobEvent


def run(b):
    """Takes the events that are due, in order, each once."""
    b.phase = MATCHING
    events = b.queue()
    left, appended = dict(enumerate(events)), []
    for index, event in enumerate(events):
        if index not in left or event.due > b.height:
            continue
        if isinstance(event, JobEvent):
            del left[index]
            take_job(b, event.job)
        else:
            same = [
                i
                for i, e in left.items()
                if isinstance(e, AskEvent) and e.due <= b.height and e.class_id == event.class_id
            ]
            staying = take_asks(b, event.class_id, [left[i].operator for i in same], appended)
            for i in same:
                if left[i].operator not in staying:
                    del left[i]
        if stopped(b):
            break
    b.put_queue(list(left.values()) + appended)


def stopped(b):
    return len(b.assignments) >= b.limits["assignments"]


def purge(b, class_id):
    """Asks that fit nothing any more go."""
    asks = b.asks(class_id)
    alive = tuple(ask for ask in asks if not ask.dead(b.height))
    if len(alive) < len(asks):
        b.saw("purge")
        b.put_asks(class_id, alive)


def take_job(b, job_id):
    """A job event: the job is matched with the whole book of its class."""
    leaf = b.state.get("job", job_id)
    if leaf is None:
        return
    purge(b, leaf.class_id)
    job = b.job(job_id)
    if job is None or job.assignment or job.cancel is not None:
        return
    fitting = fits(b, job, b.asks(job.class_id))
    if fitting and not job.full():
        assign(b, job_id, job, *choose(b, job, fitting))
    elif job.status == WAITING:
        remain(b, job_id, job, fitting)


def remain(b, job_id, job, fitting):
    """A Waiting job is not assigned: it becomes Open, or ends if it was to be assigned at once."""
    if job.flags & 1:
        b.saw("immediate, failed" if job.misses else "immediate, cancelled")
        (settlement.fail if job.misses else settlement.cancel)(b, job_id, job)
        return
    open_price = min((ask.price for ask, _, _ in fitting), default=None) if job.full() else None
    if job.full():
        b.saw("eight entries, no price" if open_price is None else "open price")
    b.put_job(job_id, job.replace(status=OPEN, opened=b.height, open_price=open_price))


def take_asks(b, class_id, operators, appended):
    """The ask events of a class that are due, together: its Open jobs are matched with those asks.

    Gives the operators whose events stay in the queue because matching stopped.
    """
    purge(b, class_id)
    active = {operator for operator in operators if has_room(b, class_id, operator)}
    made = {}
    for entry in b.entries(class_id):
        if not active:
            break
        if entry.status != OPEN or entry.cancelled:
            continue
        job = b.job(entry.job)
        fitting = fits(b, job, [ask for ask in b.asks(class_id) if ask.operator in active])
        if not fitting or job.full():
            continue
        ask, *terms = choose(b, job, fitting)
        assign(b, entry.job, job, ask, *terms)
        operator = ask.operator
        made[operator] = made.get(operator, 0) + 1
        if not has_room(b, class_id, operator):
            active.remove(operator)
        elif made[operator] == b.limits["taking"]:
            active.remove(operator)
            b.saw("sixteen in a taking")
            appended.append(AskEvent(1, b.height + 1, class_id, operator))
        if stopped(b):
            b.saw("a taking is cut short")
            return active
    return set()


def has_room(b, class_id, operator):
    ask = b.ask(class_id, operator)
    return ask is not None and ask.open < ask.capacity


def fits(b, job, asks):
    """Of these asks those that fit a job, each with its promise and the bond that it would lock."""
    cls, listed = b.cls(job.class_id), job.listed()
    bond = rules.job_bond(b.p, cls.policy, job.price, job.damage)
    early, late = [], []
    for ask in asks:
        promise = b.height - 1 + ask.blocks
        if promise > job.hard or settlement.value_at(job, promise) < ask.price:
            continue
        if ask.until < b.height or ask.since + 2 > b.height or ask.open >= ask.capacity:
            continue
        if ask.operator in listed or job.operator not in (None, ask.operator):
            continue
        if bond > ask.max_bond:
            continue
        o = b.operator(ask.operator)
        fresh = o.fresh if o.fresh_height == b.height - 1 else 0
        if o.free < bond + b.p["false_proof"] + fresh:
            b.saw("bond is short" if o.free < bond + b.p["false_proof"] else "bond is fresh")
        elif not rules.cap_allows(cls.policy.share_cap_bps, ask.open, cls.assigned):
            b.saw("share cap")
        elif gate(b, cls, ask.operator, ask.price, job.min_reputation):
            (early if promise <= job.soft else late).append((ask, promise, bond))
    if late:
        b.saw("late asks are left out" if early else "late asks alone")
    return early or late


def gate(b, cls, operator, price, min_reputation=0):
    """Rule 4 but for the share cap. None, or the name of what is in the way, is told by
    `gate_reason`."""
    return gate_reason(b, cls, operator, price, min_reputation) is None


def gate_reason(b, cls, operator, price, min_reputation=0):
    policy, reputation = cls.policy, b.operator(operator).reputation
    if reputation < max(policy.min_reputation, min_reputation):
        return "reputation"
    if not rules.tier_allows(policy.tier_unit, reputation, price):
        return "tier"
    if b.weight(operator) < policy.min_weight:
        return "weight"
    if policy.permitted and b.height < policy.open_at and operator not in policy.permitted:
        return "permission"
    return None


def choose(b, job, fitting):
    """Of the fitting asks within the band the one that the proving rights, or the stakes, name."""
    policy = b.cls(job.class_id).policy
    costs = [
        rules.effective(ask.price, job.price, settlement.value_at(job, promise))
        for ask, promise, _ in fitting
    ]
    limit = rules.band_limit(min(costs), policy.band_bps)
    kept = [terms for terms, cost in zip(fitting, costs) if cost <= limit]
    b.saw(f"kept {min(len(kept), 4)} of {min(len(costs), 4)}")
    if len(kept) == 1:
        return kept[0]
    group = b.assigned_in.get(job.class_id, 0) // rules.GROUP

    if group:
        b.saw("a later group")

    def rank(terms):
        operator = terms[0].operator
        at = rules.drawn_clock(b.hashes[b.height - 1], job.class_id, group, operator)
        return rules.RANK((at, stake(b, policy, operator), operator))

    return min(kept, key=rank)


def stake(b, policy, operator):
    """W of the ranking."""
    if policy.selection == 0:
        return b.weight(operator)
    o = b.operator(operator)
    return min(o.free, o.epoch_bond)


def assign(b, job_id, job, ask, promise, bond):
    b.saw("a waiting job is assigned" if job.status == WAITING else "an Open job is assigned")
    b.lock(ask.operator, bond)
    b.put_ask(job.class_id, ask.replace(open=ask.open + 1))
    assignment = Assignment(ask.operator, ask.price, promise, bond, b.height)
    b.put_job(job_id, job.replace(status=assignment, opened=None, open_price=None))
    cls = b.cls(job.class_id)
    b.state.put(("class", job.class_id), cls.replace(last_price=ask.price, last_height=b.height))
    agenda.add(b, promise + 1, job_id)
    b.assignments.append((job.class_id, job_id, ask.operator))
    b.assigned_in[job.class_id] = b.assigned_in.get(job.class_id, 0) + 1
