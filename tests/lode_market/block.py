"""A block in the making: what every part of the transition reads and writes, so that sums and lists
stay in step.

Money moves through `credit` and `burn`, bonds through the operators' functions, and a job through
`put_job`, which keeps the class's counts, the waiting list and the escrows beside it.
"""

from collections import Counter

from . import rules
from .leaves import (
    PAGE,
    Account,
    Amount,
    Appointment,
    AskEvent,
    Assignment,
    Book,
    Job,
    JobEvent,
    QueuePage,
    Waiting,
)

AGENDA, MATCHING, TRANSACTIONS = "agenda", "matching", "transactions"


class Block:
    """`hashes`: of all blocks below, by height. `limits`: bounds of rules, smaller in tests."""

    def __init__(self, state, params, height, hashes, limits=None):
        self.state, self.p, self.height, self.hashes = state, params, height, hashes
        self.epoch = height // params["epoch_length"]
        self.limits = {
            "assignments": rules.MAX_ASSIGNMENTS,
            "taking": rules.MAX_TAKING,
            "agenda": rules.MAX_AGENDA,
            "classes": rules.MAX_CLASSES,
            **(limits or {}),
        }
        self.phase = AGENDA
        self.fees = 0
        self.mined = {}  # what waits in pending/h, by address
        self.to_producer = 0  # by false proofs
        self.named = set()  # classes that Requests, Raises and Asks name
        self.units = self.other_units = 0
        self.assignments = []  # (class, job, operator), in order
        self.assigned_in = {}  # by class
        self.seen = Counter()  # what happened, for those who judge a history

    def saw(self, what):
        self.seen[what] += 1

    # --- Money ------------------------------------------------------------------------------------

    def credit(self, address, amount):
        if amount:
            account = self.state.get("account", address) or Account(0, 0)
            self.state.put(("account", address), account.replace(balance=account.balance + amount))
            self.state.supply_add(balances=amount)

    def debit(self, address, amount):
        account = self.state.get("account", address)
        assert account.balance >= amount
        self.state.put(("account", address), account.replace(balance=account.balance - amount))
        self.state.supply_add(balances=-amount)

    def burn(self, amount):
        self.state.supply_add(burned=amount)

    def mine(self, address, amount):
        """To pending/h."""
        if amount:
            self.mined[address] = self.mined.get(address, 0) + amount
            self.state.supply_add(pending=amount)

    def fund_add(self, amount):
        fund = self.state.get("share-fund")
        self.state.put(("share-fund",), Amount(fund.amount + amount))
        self.state.supply_add(share_fund=amount)

    # --- Operators and weights --------------------------------------------------------------------

    def operator(self, address):
        return rules.rolled(self.p, self.state.get("operator", address), self.epoch)

    def put_operator(self, address, operator):
        old = self.operator(address)
        if operator != old:
            self.state.supply_add(bonds=operator.bond - old.bond)
            self.state.put(("operator", address), None if operator.empty() else operator)

    def freshened(self, operator, amount):
        """After a transaction has bonded or unlocked so much."""
        if self.phase != TRANSACTIONS or amount == 0:
            return operator
        before = operator.fresh if operator.fresh_height == self.height else 0
        return operator.replace(fresh=before + amount, fresh_height=self.height)

    def lock(self, address, amount):
        operator = self.operator(address)
        self.put_operator(
            address, operator.replace(locked=operator.locked + amount, held=operator.held + 1)
        )

    def release(self, address, locked, slashed=0):
        """Ends an obligation: what is slashed leaves the bond, the rest is free again."""
        operator = self.operator(address)
        operator = operator.replace(
            bond=operator.bond - slashed, locked=operator.locked - locked, held=operator.held - 1
        )
        self.put_operator(address, self.freshened(operator, locked - slashed))

    def set_reputation(self, address, change):
        operator = self.operator(address)
        self.put_operator(address, operator.replace(reputation=change(operator.reputation)))

    def weight(self, address):
        return rules.frozen_weight(self.state.get("weight", address), self.epoch)

    def weight_sum(self):
        return rules.frozen_weight(self.state.get("weight-sum"), self.epoch)

    def appointment(self, address):
        """For whom the shares of an address count now, and from the next epoch on."""
        leaf = self.state.get("appoint", address) or Appointment(address, address, 0)
        return (leaf.next if self.epoch >= leaf.since else leaf.now), leaf.next

    # --- Classes, books and jobs ------------------------------------------------------------------

    def cls(self, class_id):
        return self.state.get("class", class_id)

    def job(self, job_id):
        """The job, if it has not ended."""
        job = self.state.get("job", job_id)
        return job if isinstance(job, Job) else None

    def asks(self, class_id):
        book = self.state.get("book", class_id)
        return book.asks if book else ()

    def ask(self, class_id, operator):
        return next((ask for ask in self.asks(class_id) if ask.operator == operator), None)

    def put_asks(self, class_id, asks):
        asks = tuple(sorted(asks, key=lambda ask: ask.operator))
        self.state.put(("book", class_id), Book(asks) if asks else None)

    def put_ask(self, class_id, ask):
        """Puts it in the place of the operator's ask, or beside the others."""
        others = tuple(other for other in self.asks(class_id) if other.operator != ask.operator)
        self.put_asks(class_id, others + (ask,))

    def entries(self, class_id):
        waiting = self.state.get("waiting", class_id)
        return waiting.entries if waiting else ()

    def put_job(self, job_id, job):
        """Writes a job's leaf, a live one or what is left of it, and all that goes with it."""
        old = self.job(job_id)
        self.state.put(("job", job_id), job)
        job = job if isinstance(job, Job) else None
        held = sum(sign * (j.escrow + j.bond) for sign, j in ((-1, old), (1, job)) if j)
        self.state.supply_add(escrows=held)
        some = job or old
        if some is None:
            return
        live = bool(job) - bool(old)
        assigned = bool(job and job.assignment) - bool(old and old.assignment)
        if live or assigned:
            cls = self.cls(some.class_id)
            self.state.put(
                ("class", some.class_id),
                cls.replace(live=cls.live + live, assigned=cls.assigned + assigned),
            )
        before, after = (j.entry(job_id) if j and not j.assignment else None for j in (old, job))
        if before != after:
            entries = [entry for entry in self.entries(some.class_id) if entry.job != job_id]
            if after:
                entries.append(after)
                entries.sort(key=lambda entry: entry.order())
            self.state.put(("waiting", some.class_id), Waiting(tuple(entries)) if entries else None)

    # --- Events -----------------------------------------------------------------------------------

    def job_event(self, job_id):
        """Due in the next matching: this block's, if that is still to come."""
        self.append_event(JobEvent(0, self.height + (self.phase != AGENDA), job_id))

    def ask_event(self, class_id, operator):
        self.append_event(AskEvent(1, self.height + 2, class_id, operator))

    def ask_fell(self, class_id, operator):
        """One job less is assigned under an operator's ask."""
        ask = self.ask(class_id, operator)
        was_full, ask = ask.open >= ask.capacity, ask.replace(open=ask.open - 1)
        has_room = ask.open < ask.capacity
        if was_full:
            self.saw("a full ask has room" if has_room else "a full ask stays full")
        self.put_ask(class_id, ask.replace(since=self.height) if was_full and has_room else ask)
        if has_room:
            self.ask_event(class_id, operator)

    def queue(self):
        events, page = [], 0
        while (leaf := self.state.get("queue", page)) is not None:
            events += leaf.events
            page += 1
        return events

    def append_event(self, event):
        page = 0
        while (leaf := self.state.get("queue", page)) is not None and len(leaf.events) == PAGE:
            page += 1
        self.state.put(("queue", page), QueuePage((leaf.events if leaf else ()) + (event,)))

    def put_queue(self, events):
        """Packs all events anew, from page 0."""
        pages = [tuple(events[at : at + PAGE]) for at in range(0, len(events), PAGE)]
        page = 0
        while page < len(pages) or self.state.get("queue", page):
            new = QueuePage(pages[page]) if page < len(pages) else None
            if new != self.state.get("queue", page):
                self.state.put(("queue", page), new)
            page += 1


def is_assigned_to(job, operator):
    return isinstance(job.status, Assignment) and job.status.operator == operator
