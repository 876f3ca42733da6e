"""Transactions: each is applied, void or invalid (market.md section 2).

The order in which a transaction is looked at: its form, its sender's account, expiry, nonce and
fee; what else makes it invalid whatever jobs, books and bonds say; what is due of the jobs that it
names; the block's limits; whether it is void; and last whether the balance covers what it takes
besides the fee.
"""

from . import actions, agenda, rules, settlement
from .actions import CONTEST
from .block import Block, is_assigned_to
from .codec import Invalid, Void
from .deliver import deliver
from .leaves import OPEN, WAITING, Appointment, Ask, Class, Decline, Job, Key
from .matching import gate_reason

MAX_LIVE = 2_048
MAX_WAITING = 512
MAX_UNCANCELLED = 256


def apply(b: Block, t, place, verdict=True, values=None):
    """Applies one transaction, or leaves the state as it was.

    `verdict`: whether the proof of a Deliver holds; `values`: the number of values that the system
    reads off a RegisterClass's key, None if it refuses the key. Gives (outcome, reason): `applied`,
    `void` or `invalid`.
    """
    b.state.begin()
    try:
        outcome = attempt(b, t, place, verdict, values)
    except Invalid as error:
        b.state.roll_back()
        return "invalid", str(error)
    b.state.commit()
    b.fees += t["fee"]
    return outcome


def attempt(b, t, place, verdict, values):
    actions.check_form(t)
    account = b.state.get("account", t["from"])
    if account is None:
        raise Invalid("account")
    if t["expiry"] < b.height:
        raise Invalid("expiry")
    if t["nonce"] != account.nonce:
        raise Invalid("nonce")
    if t["fee"] > account.balance:
        raise Invalid("balance")
    b.debit(t["from"], t["fee"])
    account = b.state.get("account", t["from"])
    b.state.put(("account", t["from"]), account.replace(nonce=account.nonce + 1))
    if t["type"] == "deliver":
        return deliver(b, t, verdict)
    if t["type"] == "register_class":
        return register_class(b, t, values)
    if t["type"] == "request":
        actions.check_request(t, b.cls(t["class"]))
    elif "job" in t:
        agenda.due(b, t["job"])
    named = named_class(b, t)
    if named is not None and named not in b.named and len(b.named) >= b.limits["classes"]:
        raise Invalid("classes")
    try:
        HANDLERS[t["type"]](b, t, place)
        outcome = ("applied", "")
    except Void as error:
        outcome = ("void", str(error))
    if named is not None:
        b.named.add(named)
    return outcome


def named_class(b, t):
    """The class that counts against the block's limit, if the transaction names one."""
    if t["type"] in ("ask", "request"):
        return t["class"]
    leaf = b.state.get("job", t["job"]) if t["type"] == "raise" else None
    return leaf.class_id if leaf else None


def take(b, t, amount):
    """Takes what a transaction costs besides its fee: the last thing that can be wrong with it."""
    if b.state.get("account", t["from"]).balance < amount:
        raise Invalid("balance")
    b.debit(t["from"], amount)


# --- Accounts, bonds, appointments and classes ----------------------------------------------------


def transfer(b, t, _place):
    take(b, t, t["amount"])
    b.credit(t["to"], t["amount"])


def bond(b, t, _place):
    take(b, t, t["amount"])
    o = b.operator(t["from"])
    b.put_operator(t["from"], b.freshened(o.replace(bond=o.bond + t["amount"]), t["amount"]))


def unbond(b, t, _place):
    o = b.operator(t["from"])
    if t["amount"] + (b.p["false_proof"] if o.held else 0) > o.free:
        raise Void("bond")
    b.put_operator(t["from"], o.replace(bond=o.bond - t["amount"]))
    b.mine(t["from"], t["amount"])


def appoint(b, t, _place):
    """From the next epoch on."""
    own, operator = t["from"], t["operator"]
    now, _ = b.appointment(own)
    leaf = None if now == operator == own else Appointment(now, operator, b.epoch + 1)
    b.state.put(("appoint", own), leaf)


def register_class(b, t, values):
    actions.check_policy(t["policy"], b.p["false_proof"], b.height)
    if values is None:
        raise Invalid("key")
    if b.units + rules.REGISTER_COST > b.p["proof_budget"]:
        raise Invalid("budget")
    burned = b.p["deposit"] * len(actions.encode(t))
    take(b, t, burned)
    b.burn(burned)
    class_id = actions.transaction_id(b.hashes[0], t)
    b.state.put(
        ("class", class_id),
        Class(t["from"], t["system"], t["policy"], t["royalty_bps"], values, 0, 0, 0, 0, 0),
    )
    b.state.put(("key", class_id), Key(data=t["key"]))
    b.units += rules.REGISTER_COST
    return "applied", ""


# --- Asks -----------------------------------------------------------------------------------------


def ask(b, t, _place):
    class_id, own = t["class"], t["from"]
    old = b.ask(class_id, own)
    if t["capacity"] == 0:
        if old is None:
            raise Void("ask")
    else:
        check_ask(b, t)
        if old is None:
            make_room(b, class_id, own)
    b.put_ask(
        class_id,
        Ask(
            own,
            t["price"],
            t["blocks"],
            t["capacity"],
            t["max_bond"],
            t["until"],
            b.height,
            old.open if old else 0,
        ),
    )
    b.ask_event(class_id, own)


def check_ask(b, t):
    cls = b.cls(t["class"])
    if cls is None or cls.policy.selection == CONTEST:
        raise Void("class")
    least = rules.base_bond(b.p, cls.policy, t["price"])
    if b.operator(t["from"]).free < least + b.p["false_proof"]:
        raise Void("bond")
    if t["max_bond"] < least:
        raise Void("max_bond")
    reason = gate_reason(b, cls, t["from"], t["price"])
    if reason:
        raise Void(reason)
    if not b.height + 2 <= t["until"] <= b.height + 100_000:
        raise Void("until")


def make_room(b, class_id, own):
    """In a full book a new operator takes the place of an ask that fits nothing, or of one with a
    lesser bond."""
    asks = b.asks(class_id)
    if len(asks) < b.cls(class_id).policy.max_operators:
        return
    gone = next((ask for ask in asks if ask.dead(b.height)), None)
    if gone is None:
        idle = [(b.operator(ask.operator).epoch_bond, ask) for ask in asks if ask.open == 0]
        least = min((bonded for bonded, _ in idle), default=None)
        if least is None or b.operator(own).epoch_bond <= least:
            raise Void("book")
        gone = max((ask for bonded, ask in idle if bonded == least), key=lambda ask: ask.operator)
    b.saw("a dead ask makes room" if gone.dead(b.height) else "a lesser bond makes room")
    b.put_asks(class_id, [ask for ask in asks if ask is not gone])


# --- Jobs -----------------------------------------------------------------------------------------


def request(b, t, place):
    class_id, own = t["class"], t["from"]
    cls = b.cls(class_id)
    evicted = admit(b, cls, t)
    held = rules.request_bond(b.p, t["price"])
    burned = rules.rent(len(actions.encode(t)), t["hard_blocks"])
    take(b, t, t["price"] + held + burned)
    b.burn(burned)
    if evicted:
        b.saw("evicted")
        evict(b, evicted)
    contest = cls.policy.selection == CONTEST
    job_id = actions.transaction_id(b.hashes[0], t)
    hard = b.height + t["hard_blocks"]
    b.put_job(
        job_id,
        Job(
            0,
            class_id,
            t["price"],
            t["late_price"],
            b.height + t["soft_blocks"],
            hard,
            t["damage"],
            t["min_reputation"],
            t["flags"],
            t["operator"],
            tuple(t["values"]),
            own,
            b.height,
            place,
            t["price"],
            held,
            OPEN if contest else WAITING,
            None,
            b.height if contest else None,
            None,
            (),
            (),
            (),
        ),
    )
    agenda.add(b, hard + 1, job_id)
    agenda.add(b, hard + rules.LEAF_BLOCKS + 1, job_id)
    if not contest:
        b.job_event(job_id)


def admit(b, cls, t):
    """Whether a class takes one job more; gives the job that must make room, if one must."""
    entries = b.entries(t["class"])
    if cls.live >= MAX_LIVE or len(entries) >= MAX_WAITING:
        raise Void("full")
    if sum(not entry.cancelled for entry in entries) < MAX_UNCANCELLED:
        return None
    for entry in reversed(entries):
        job = b.job(entry.job)
        if not (job.misses or job.declines or job.deliveries or entry.cancelled):
            if t["price"] <= entry.price:
                break
            return entry.job
    raise Void("price")


def evict(b, job_id):
    job = b.job(job_id)
    b.saw("ended while Waiting" if job.status == WAITING else "comes under Cancel")
    if job.status == WAITING:
        settlement.cancel(b, job_id, job)
    else:
        come_under_cancel(b, job_id, job)


def come_under_cancel(b, job_id, job):
    b.put_job(job_id, job.replace(cancel=b.height))
    agenda.add(b, b.height + b.cls(job.class_id).policy.claim_blocks + 1, job_id)


def own_quiet_job(b, t):
    """The job, of which the sender is the requester, while it is Waiting or Open without miss,
    delivery and Cancel."""
    job = b.job(t["job"])
    if job is None:
        raise Void("job")
    if job.requester != t["from"]:
        raise Void("requester")
    if job.assignment or job.misses or job.deliveries or job.cancel is not None:
        raise Void("status")
    return job


def raise_(b, t, _place):
    job = own_quiet_job(b, t)
    if t["price"] < job.price or t["late_price"] < job.late_price:
        raise Void("value")
    held = rules.request_bond(b.p, t["price"])
    take(b, t, t["price"] - job.price + held - job.bond)
    b.put_job(
        t["job"],
        job.replace(
            price=t["price"],
            late_price=t["late_price"],
            escrow=t["price"],
            bond=held,
            open_price=None,
        ),
    )
    if b.cls(job.class_id).policy.selection != CONTEST:
        b.job_event(t["job"])


def cancel(b, t, _place):
    job = own_quiet_job(b, t)
    burned = job.bond // 10
    b.burn(burned)
    job = job.replace(bond=job.bond - burned)
    b.put_job(t["job"], job)
    evict(b, t["job"])


def decline(b, t, _place):
    job = b.job(t["job"])
    if job is None:
        raise Void("job")
    if not is_assigned_to(job, t["from"]):
        raise Void("operator")
    a, policy = job.assignment, b.cls(job.class_id).policy
    if b.height > min(a.assigned + policy.claim_blocks, a.promise - 1):
        raise Void("late")
    burned = rules.decline_burn(rules.base_bond(b.p, policy, job.price), a.assigned, b.height)
    b.release(a.operator, a.bond, burned)
    b.burn(burned)
    declined = Decline(a.operator, a.price, burned)
    b.put_job(t["job"], job.replace(status=WAITING, declines=job.declines + (declined,)))
    b.ask_fell(job.class_id, a.operator)
    b.job_event(t["job"])


HANDLERS = {
    "transfer": transfer,
    "bond": bond,
    "unbond": unbond,
    "ask": ask,
    "request": request,
    "raise": raise_,
    "cancel": cancel,
    "decline": decline,
    "appoint": appoint,
}
