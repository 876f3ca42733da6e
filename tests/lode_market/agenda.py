"""The agenda: which jobs have something due at the start of which block, and what is done then
(section 4)."""

from . import rules, settlement
from .leaves import PAGE, AgendaLast, AgendaOldest, AgendaPage, Ended


def add(b, height, job_id):
    """Lists a job for a later block."""
    assert height > b.height
    last = b.state.get("agenda-last", height)
    page = last.page if last else 0
    leaf = b.state.get("agenda", height, page)
    if leaf and len(leaf.jobs) == PAGE:
        page, leaf = page + 1, None
        b.state.put(("agenda-last", height), AgendaLast(page))
    b.state.put(("agenda", height, page), AgendaPage((leaf.jobs if leaf else ()) + (job_id,)))


def run(b):
    """What is due at the start of the block: the entries of the oldest heights first, so many as a
    block takes."""
    oldest = b.state.get("agenda-oldest")
    height, page = (oldest.height, oldest.page) if oldest else (b.height, 0)
    left = b.limits["agenda"]
    while height <= b.height:
        leaf = b.state.get("agenda", height, page)
        if leaf is None:
            b.state.put(("agenda-last", height), None)
            height, page = height + 1, 0
            continue
        if left:
            taken, rest = leaf.jobs[:left], leaf.jobs[left:]
            left -= len(taken)
            for job_id in taken:
                due(b, job_id)
            b.state.put(("agenda", height, page), AgendaPage(rest) if rest else None)
            if not rest:
                page += 1
                continue
        b.saw("backlog")
        b.state.put(("agenda-oldest",), AgendaOldest(height, page))
        return
    b.state.put(("agenda-oldest",), None)


def due(b, job_id):
    """Does what is due of a job, until nothing is."""
    while (job := b.state.get("job", job_id)) is not None:
        if isinstance(job, Ended):
            if job.hard + rules.LEAF_BLOCKS + 1 <= b.height:
                b.put_job(job_id, None)
            return
        policy = b.cls(job.class_id).policy
        if job.cancel is not None and job.cancel + policy.claim_blocks < b.height:
            settlement.cancel(b, job_id, job)
        elif job.assignment and job.assignment.promise < b.height:
            settlement.miss(b, job_id, job)
        elif job.deliveries and b.height > settlement.contest_end(job, policy):
            settlement.contest(b, job_id, job, policy)
        elif job.hard < b.height:
            settlement.fail(b, job_id, job)
        else:
            return
