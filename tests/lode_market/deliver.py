"""Deliveries: who may deliver what, the block's budget of proofs, and what a false proof costs
(section 6)."""

from . import agenda, rules, settlement
from .actions import CONTEST
from .block import is_assigned_to
from .codec import Invalid, Void
from .leaves import MAX_DELIVERIES, WAITING, Delivery
from .matching import gate


def deliver(b, t, verdict):
    """Applies a Deliver: (`applied`, ``), (`applied`, `false`) if its proof does not hold, or
    (`void`, the reason)."""
    for job_id in t["jobs"]:
        agenda.due(b, job_id)
    leaves = [b.state.get("job", job_id) for job_id in t["jobs"]]
    there = next((leaf for leaf in leaves if leaf is not None), None)
    units = rules.deliver_cost(len(leaves), len(there.values) if there else 0)
    own = all(job and is_assigned_to(job, t["from"]) for job in map(b.job, t["jobs"]))
    if (
        b.units + units > b.p["proof_budget"]
        or not own
        and b.other_units + units > b.p["proof_budget"] // 2
    ):
        raise Invalid("budget")
    b.units += units
    b.other_units += 0 if own else units
    try:
        chosen = judged(b, t, leaves)
    except Void as error:
        return "void", str(error)
    if not verdict:
        false_proof(b, t["from"])
        return "applied", "false"
    for job_id in chosen:
        job = b.job(job_id)
        if b.cls(job.class_id).policy.selection == CONTEST:
            enter_contest(b, job_id, job, t["from"])
        else:
            settlement.deliver(b, job_id, job, t["from"])
    return "applied", ""


def judged(b, t, leaves):
    """The listed jobs that the sender may deliver now; Void if the proof is not to be judged."""
    if None in leaves:
        raise Void("job")
    if len({leaf.class_id for leaf in leaves}) > 1:
        raise Void("class")
    free = b.operator(t["from"]).free
    if free < b.p["false_proof"]:
        raise Void("bond")
    cls, chosen = b.cls(leaves[0].class_id), []
    for job_id in t["jobs"]:
        job = b.job(job_id)
        if job and may_deliver(b, cls, job, t["from"], free):
            chosen.append(job_id)
            free -= cls.policy.min_bond if cls.policy.selection == CONTEST else 0
    if not chosen:
        raise Void("none")
    return chosen


def may_deliver(b, cls, job, operator, free):
    """Whether an operator with so much free bond may deliver a job; what is due of it has been
    done."""
    if job.assignment or job.status == WAITING:
        return is_assigned_to(job, operator)
    if b.height <= job.opened or job.operator not in (None, operator):
        return False
    if not gate(b, cls, operator, settlement.value_at(job, b.height), job.min_reputation):
        return False
    if cls.policy.selection != CONTEST:
        return True
    delivered = any(delivery.operator == operator for delivery in job.deliveries)
    room = free >= cls.policy.min_bond + b.p["false_proof"]
    return room and not delivered and len(job.deliveries) < MAX_DELIVERIES


def enter_contest(b, job_id, job, operator):
    policy = b.cls(job.class_id).policy
    b.lock(operator, policy.min_bond)
    if not job.deliveries and b.height + policy.window + 1 <= job.hard:
        agenda.add(b, b.height + policy.window + 1, job_id)
    if job.cancel is not None:
        b.saw("a delivery annuls a Cancel")
    b.put_job(
        job_id,
        job.replace(deliveries=job.deliveries + (Delivery(operator, b.height),), cancel=None),
    )


def false_proof(b, operator):
    burned, to_producer = rules.false_proof_parts(b.p["false_proof"])
    o = b.operator(operator)
    b.put_operator(operator, o.replace(bond=o.bond - b.p["false_proof"], reputation=0))
    b.burn(burned)
    b.to_producer += to_producer
