"""What must hold after every block of any history."""

from collections import Counter

from . import leaves
from .leaves import PAGE, Ended, Job, JobEvent
from .settlement import contest_end


def require(holds, what, *shown):
    if not holds:
        raise AssertionError(f"{what}: {shown}")


def check(state, height):
    """Everything, after the block at `height`."""
    by_kind = {}
    for key, record in state.leaves.items():
        by_kind.setdefault(key[0], {})[key[1:]] = record
    kinds = {name: by_kind.get(name, {}) for name in (*leaves.KINDS, "job", "pending", "key")}
    jobs = {key[0]: job for key, job in kinds["job"].items() if isinstance(job, Job)}
    check_money(state, kinds, jobs)
    check_operators(kinds, jobs)
    check_classes(kinds, jobs)
    check_queue(kinds, jobs)
    check_agenda(kinds, jobs, height)


def check_money(state, kinds, jobs):
    sums = {
        "balances": sum(account.balance for account in kinds["account"].values()),
        "pending": sum(sum(pending.credits.values()) for pending in kinds["pending"].values()),
        "share_fund": state.get("share-fund").amount,
        "proving_pools": sum(pool.left for pool in kinds["proving-pool"].values()),
        "bonds": sum(operator.bond for operator in kinds["operator"].values()),
        "escrows": sum(job.escrow + job.bond for job in jobs.values()),
    }
    for name, computed in sums.items():
        require(computed == getattr(state.supply, name), name, computed, state.supply)
    require(state.supply.check_sum(), "supply", state.supply)
    require(
        all(pool.left <= pool.granted for pool in kinds["proving-pool"].values()),
        "a pool has more than granted",
    )


def check_operators(kinds, jobs):
    """Locks and held jobs are the sums over open obligations."""
    locked, held = Counter(), Counter()
    for job in jobs.values():
        policy = kinds["class"][(job.class_id,)].policy
        owed = [(missed.operator, missed.bond) for missed in job.misses]
        owed += [(delivery.operator, policy.min_bond) for delivery in job.deliveries]
        if job.assignment:
            owed.append((job.assignment.operator, job.assignment.bond))
        for operator, bond in owed:
            locked[operator] += bond
            held[operator] += 1
    for (address,), operator in kinds["operator"].items():
        require(not operator.empty(), "an empty operator stays", address)
        require(operator.bond >= operator.locked, "locked above bond", operator)
        require(operator.reputation <= 9_969, "reputation", operator)
        require(operator.burned * 9 >= operator.subsidy * 10, "subsidy above nine tenths", operator)
        require(
            (operator.locked, operator.held) == (locked.pop(address, 0), held.pop(address, 0)),
            "locks",
            operator,
        )
    require(not locked and not held, "locks without an operator", locked)


def check_classes(kinds, jobs):
    live, assigned, under = Counter(), Counter(), Counter()
    waiting = {}
    for job_id, job in jobs.items():
        live[job.class_id] += 1
        if job.assignment:
            assigned[job.class_id] += 1
            under[job.class_id, job.assignment.operator] += 1
        else:
            waiting.setdefault(job.class_id, []).append(job.entry(job_id))
        check_job(kinds, job)
    for (class_id,), cls in kinds["class"].items():
        require(
            (cls.live, cls.assigned) == (live[class_id], assigned[class_id]),
            "counts of a class",
            cls,
        )
        require(cls.live <= 2_048, "live jobs", cls)
        listed = kinds["waiting"].get((class_id,))
        expected = tuple(sorted(waiting.pop(class_id, []), key=lambda entry: entry.order()))
        require((listed.entries if listed else ()) == expected, "waiting", class_id)
        require(len(expected) <= 2_048, "waiting jobs", len(expected))
        require(listed is None or listed.entries, "an empty waiting list stays", class_id)
    require(not waiting, "waiting without a class", waiting)
    for (class_id,), book in kinds["book"].items():
        operators = [ask.operator for ask in book.asks]
        require(operators == sorted(set(operators)) and operators, "order of a book", operators)
        limit = kinds["class"][(class_id,)].policy.max_operators
        require(len(operators) <= limit <= 64, "asks of a book", len(operators), limit)
        for ask in book.asks:
            require(ask.open == under.pop((class_id, ask.operator), 0), "open of an ask", ask)
    require(not under, "assigned without an ask", under)


def check_job(kinds, job):
    names = [entry.operator for entry in job.misses + job.declines]
    require(len(set(names)) == len(names) <= 8, "lists of a job", job)
    require(len(job.deliveries) <= 16, "deliveries of a job", job)
    require((job.opened is not None) == (job.status == leaves.OPEN), "height of opening", job)
    require(job.escrow == job.price >= job.late_price, "escrow", job)
    require(job.cancel is None or job.status == leaves.OPEN, "under Cancel", job)
    require(job.open_price is None or len(names) == 8, "open price", job)
    if kinds["class"][(job.class_id,)].policy.selection == 2:
        require(job.status == leaves.OPEN and not names, "a contest", job)


def check_queue(kinds, jobs):
    pages = kinds["queue"]
    require(
        sorted(pages) == [(page,) for page in range(len(pages))],
        "pages of the queue",
        sorted(pages),
    )
    full = [len(pages[page].events) == PAGE for page in sorted(pages)[:-1]]
    require(
        all(full) and all(page.events for page in pages.values()), "a page of the queue is not full"
    )
    events = {
        event.job for page in pages.values() for event in page.events if isinstance(event, JobEvent)
    }
    lost = [
        job_id
        for job_id, job in jobs.items()
        if job.status == leaves.WAITING and job_id not in events
    ]
    require(not lost, "a Waiting job without an event", lost)


def check_agenda(kinds, jobs, height):
    """Every job has an end, and what is due stands in the agenda."""
    at = {}
    pages = {}
    for (due, page), leaf in kinds["agenda"].items():
        pages.setdefault(due, []).append(page)
        at.setdefault(due, set()).update(leaf.jobs)
        require(1 <= len(leaf.jobs) <= PAGE, "an agenda page", due, page)
    backlog = [due for due in pages if due <= height]
    oldest = kinds["agenda-oldest"].get(())
    if not backlog:
        require(oldest is None, "the oldest height", oldest)
    else:
        first = min(backlog)
        require(
            (oldest.height, oldest.page) == (first, min(pages[first])),
            "the oldest height",
            oldest,
            first,
        )
    for due, numbers in pages.items():
        first = oldest.page if oldest and due == oldest.height else 0
        require(
            sorted(numbers) == list(range(first, max(numbers) + 1)),
            "pages of the agenda",
            due,
            numbers,
        )
        last = kinds["agenda-last"].pop((due,), None)
        require((last.page if last else 0) == max(numbers), "the last page", due, last)
    require(not kinds["agenda-last"], "a last page without pages", kinds["agenda-last"])
    late = set().union(*(at[due] for due in backlog))
    for job_id, job in jobs.items():
        for due in ends(kinds, job):
            require(
                job_id in (late if due <= height else at.get(due, ())),
                "an end in the agenda",
                job,
                due,
            )
    for (job_id,), ended in kinds["job"].items():
        if isinstance(ended, Ended):
            due = ended.hard + 65
            require(
                job_id in (late if due <= height else at.get(due, ())), "an ended job's end", ended
            )


def ends(kinds, job):
    """The heights at which something of a job is due."""
    policy = kinds["class"][(job.class_id,)].policy
    yield from (job.hard + 1, job.hard + 65)
    if job.assignment:
        yield job.assignment.promise + 1
    if job.deliveries:
        yield contest_end(job, policy) + 1
    if job.cancel is not None:
        yield job.cancel + policy.claim_blocks + 1
