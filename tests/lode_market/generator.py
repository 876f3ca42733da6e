"""Random histories: small networks whose addresses do everything that the market knows, well and
badly."""

import random

import lode_protocol as lode

from . import actions, leaves, rules
from .actions import CONTEST, Policy

PARAMS = {
    "epoch_length": 20,
    "shares_per_block": 4,
    "maturity": 10,
    "deposit": 10,
    "min_request_bond": 1_000,
    "min_bond": 1_000,
    "false_proof": 10_000,
    "reputation_unit": 20_000,
    "proof_budget": 100_000,
}
MAX_CLASSES = 12
TARGET = 2**100

# How often each kind is tried.
KINDS = {
    "transfer": 2,
    "register_class": 1,
    "bond": 5,
    "unbond": 2,
    "ask": 18,
    "request": 24,
    "raise": 4,
    "cancel": 2,
    "decline": 8,
    "deliver": 26,
    "appoint": 1,
}
FLOOD_BLOCKS = 50  # of so many, in one of eight such stretches, one class gets most Requests


def h32(*parts):
    return lode.b256("lode market history", *(str(part).encode() for part in parts))


class Generator:
    """Makes the transactions of one history, from a seed."""

    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(f"lode market history {seed}")
        self.addresses = [
            h32(seed, "address", index) for index in range(self.random.randint(6, 16))
        ]
        self.params = {
            **PARAMS,
            "allocations": {
                address: self.random.choice((10**7, 10**9, 10**11)) for address in self.addresses
            },
        }
        self.hashes = [h32(seed, "block", 0)]
        self.classes = []
        self.fates = {}

    def add_hash(self, height):
        assert height == len(self.hashes)
        self.hashes.append(h32(self.seed, "block", height))

    def shares(self):
        return [
            self.random.choice(self.addresses[:-2]) for _ in range(self.random.choice((0, 1, 4, 8)))
        ]

    def block(self, b):
        """The transactions of the block in the making, each made after the one before it has been
        applied."""
        for _ in range(self.count(b.height)):
            yield self.transaction(b)

    def count(self, height):
        """How many transactions a block has."""
        if height < 4:
            return 30
        if self.flooded(height):
            return self.random.randint(0, 80)
        return self.random.choice((0, 2, 4, 6, 8, 10, 14))

    def flooded(self, height):
        """The class that gets most Requests now, if there is one."""
        stretch = height // FLOOD_BLOCKS
        if stretch % 8 != 3 or not self.classes:
            return None
        return self.classes[stretch // 8 % min(4, len(self.classes))]

    def transaction(self, b):
        """One more transaction for the block in the making: (transaction, verdict, number of values
        of a key)."""
        r = self.random
        kind = r.choices(list(KINDS), KINDS.values())[0]
        if self.flooded(b.height) and r.random() < 0.6:
            kind = "request"
        if b.height < 3:
            kind = ("register_class", "bond", "ask", "bond")[r.randrange(4)]
        if kind == "register_class" and len(self.classes) >= MAX_CLASSES:
            kind = "deliver"
        made = getattr(self, "make_" + kind)(b)
        account = b.state.get("account", made["from"])
        t = {
            "type": kind,
            "fee": r.choice((0, 1, 1_000)),
            "nonce": account.nonce if account else 0,
            "expiry": b.height + r.choice((0, 5, 1_000)),
            **made,
        }
        if r.random() < 0.04:
            self.spoil(t, b.height)
        values = r.choice((0, 1, 1, 2, 3)) if r.random() < 0.95 else None
        return t, r.random() < 0.92, values

    def applied(self, t, outcome):
        """Takes note of a new class."""
        if t["type"] == "register_class" and outcome == "applied":
            self.classes.append(actions.transaction_id(self.hashes[0], t))

    def spoil(self, t, height):
        """Makes one field wrong, or at least odd."""
        r = self.random
        name, value = r.choice(
            (
                ("nonce", t["nonce"] + 1),
                ("expiry", height - 1),
                ("fee", 2**63),
                ("from", h32("nobody")),
                ("price", 0),
                ("price", 2**64 - 1),
                ("amount", 0),
                ("amount", 2**64 - 1),
                ("late_price", 2**64 - 1),
                ("blocks", 1),
                ("blocks", 100_001),
                ("soft_blocks", 0),
                ("hard_blocks", 100_001),
                ("flags", 4),
                ("min_reputation", 9_970),
                ("class", h32("no class")),
                ("job", h32("no job")),
                ("max_bond", 0),
                ("damage", 2**64 - 1),
                ("royalty_bps", 2_001),
                ("system", 2),
                ("until", 0),
                ("until", 2**32 - 1),
                ("values", (b"\xff" * 32,)),
                ("values", (bytes(32),) * 9),
                ("jobs", ()),
                ("jobs", (h32("no job"),)),
                ("jobs", (h32(1), h32(1))),
            )
        )
        if name in t:
            t[name] = value
            if name == "flags":
                t["operator"] = None

    # --- What addresses do ------------------------------------------------------------------------

    def one(self):
        return self.random.choice(self.addresses)

    def amount(self, low=3, high=7):
        """Of any order of magnitude in between."""
        return int(10 ** self.random.uniform(low, high))

    def make_transfer(self, b):
        to = self.one() if self.random.random() < 0.9 else h32(self.seed, "new", b.height)
        return {"from": self.one(), "to": to, "amount": self.amount()}

    def make_bond(self, b):
        own = self.one()
        return {
            "from": own,
            "amount": self.amount(4, 5) if b.operator(own).bond > 10**8 else self.amount(5, 8),
        }

    def make_unbond(self, b):
        own = self.one()
        o = b.operator(own)
        amount = self.random.choice(
            (o.free, o.free - b.p["false_proof"], o.bond, o.free // 9, o.free // 3, 1)
        )
        return {"from": own, "amount": max(1, amount)}

    def make_appoint(self, _b):
        return {"from": self.one(), "operator": self.one()}

    def make_register_class(self, b):
        r = self.random
        capped, permitted = r.random() < 0.3, r.random() < 0.2
        if len(self.classes) < 4:
            policy = self.plain_policy(len(self.classes))
            return {
                "from": self.one(),
                "system": 1,
                "policy": policy,
                "royalty_bps": 100 * len(self.classes),
                "key": b"key",
                "source": b"source",
            }
        policy = Policy(
            r.choice((0, 0, 1, 2)),
            r.randint(1, 3),
            r.randint(1, 6),
            r.randint(0, 1),
            r.choice((0, 100, 1_000)),
            r.choice((1_000, 2_000, 10_000)),
            r.choice((0, 500, 5_000, 10_000, 20_000)),
            r.choice((0, 0, 0, 1, 40)),
            r.choice((0, 0, 0, 3_000, 100_000)),
            r.choice((0, 0, 0, 1, 60_000)),
            r.choice((0, 3_000, 5_000)) if capped else 10_000,
            r.choice((1, 3, 4, 16, 64)),
            r.choice((1, 2, 4, 32)),
            b.height + r.choice((0, 30, 400, 2_102_400, 2_102_401)) if permitted else 0,
            tuple(sorted(r.sample(self.addresses, r.randint(1, 4)))) if permitted else (),
        )
        return {
            "from": self.one(),
            "system": 1,
            "policy": policy,
            "royalty_bps": r.choice((0, 1, 250, 2_000)),
            "key": r.randbytes(r.randint(0, 40)),
            "source": r.randbytes(r.randint(0, 60)),
        }

    @staticmethod
    def plain_policy(index):
        """Each selection, and gates that many pass: rights, stake, a contest, rights again."""
        return Policy(
            (0, 1, 2, 0)[index],
            2,
            4,
            index % 2,
            500,
            1_000,
            (0, 10_000, 2_000, 0)[index],
            0,
            0,
            0,
            5_000 if index == 1 else 10_000,
            16,
            4,
            0,
            (),
        )

    def some_class(self, b):
        if not self.classes:
            return h32("no class")
        # The first four, which many can use, more often.
        return self.random.choice(self.classes[:4] if self.random.random() < 0.6 else self.classes)

    def make_ask(self, b):
        r, own, class_id = self.random, self.one(), self.some_class(b)
        cls = b.cls(class_id)
        if cls and cls.policy.selection == CONTEST and r.random() < 0.9:
            class_id = self.classes[0]
        if self.flooded(b.height) and r.random() < 0.3:
            class_id = self.flooded(b.height)
        capacity = r.choice((1, 1, 2, 3, 5, 40, 2**16 - 1)) if r.random() < 0.9 else 0
        price = self.amount(2.5, 5.5)
        if b.asks(class_id) and r.random() < 0.6:
            price = max(1, min(ask.price for ask in b.asks(class_id)) * r.randint(95, 107) // 100)
        if self.classes[3:4] == [class_id] and r.random() < 0.5:
            price = self.amount(2, 4)
        return {
            "from": own,
            "class": class_id,
            "price": price,
            "blocks": r.choice((2, 2, 3, 4, 6, 10)),
            "capacity": capacity,
            "max_bond": r.choice((2**64 - 1, 10**6, 20_000)),
            "until": b.height + r.choice((1, 2, 3, 10, 60, 200, 200, 1_000)),
        }

    def make_request(self, b):
        r = self.random
        class_id = self.some_class(b)
        flooded = self.flooded(b.height) if r.random() < 0.9 else None
        class_id = flooded or class_id
        cls = b.cls(class_id)
        price = self.amount(3, 4) if flooded else self.amount(4, 6)
        # The fourth class has patience, so that lists fill up.
        patient = self.classes[3:4] == [class_id] and r.random() < 0.5
        soft = 100 if patient else r.choice((1, 2, 3, 5, 8, 12))
        flags = r.choices((0, 1, 2, 3), (14, 2, 2, 1))[0]
        if cls and cls.policy.selection == CONTEST and r.random() < 0.9:
            flags = 0
        count = cls.values if cls else 0
        return {
            "from": self.one(),
            "class": class_id,
            "price": price,
            "late_price": r.choice((0, price, price // 2, price // 10)),
            "soft_blocks": soft,
            "hard_blocks": max(2, soft + r.choice((0, 1, 4, 10, 20, 60, 60))),
            "damage": r.choice((0, 0, 0, 10_000, price)),
            "min_reputation": r.choice((0, 0, 0, 0, 0, 5, 100)),
            "flags": flags,
            "operator": self.one() if flags & 2 else None,
            "values": tuple(lode.u64(r.randrange(2**64)) + bytes(24) for _ in range(count)),
            "witness": r.randbytes(r.choice((0, 1, 30))),
        }

    # --- What happens to jobs ---------------------------------------------------------------------

    def some_job(self, b, wanted):
        """(id, job) of some live job that is as wanted, or of any at all."""
        entries = []
        for class_id in self.random.sample(self.classes, min(3, len(self.classes))):
            entries += [entry.job for entry in b.entries(class_id)]
        entries += [key[1] for key in b.state.leaves if key[0] == "job"] if wanted == "any" else []
        return self.random.choice(entries) if entries else h32("no job")

    def own_job(self, b):
        job_id = self.some_job(b, "open")
        job = b.job(job_id)
        return job_id, job, job.requester if job and self.random.random() < 0.95 else self.one()

    def make_raise(self, b):
        job_id, job, own = self.own_job(b)
        price, late = (job.price, job.late_price) if job else (1, 1)
        more = self.random.choice((0, 0, 1, price // 10, -1))
        price = max(0, price + more)
        return {
            "from": own,
            "job": job_id,
            "price": price,
            "late_price": min(price, late + self.random.choice((0, 0, 5_000))),
        }

    def make_cancel(self, b):
        job_id, _, own = self.own_job(b)
        return {"from": own, "job": job_id}

    def assigned(self, b):
        """Live jobs that are assigned, by what their operators have in mind: d(eliver), decline,
        sleep."""
        found = {"deliver": [], "decline": [], "sleep": []}
        for key, job in b.state.leaves.items():
            if key[0] == "job" and isinstance(job, leaves.Job) and job.assignment:
                turn = (key[1], job.assignment.operator)
                if turn not in self.fates:
                    # In the fourth class nobody means what they ask.
                    mood = (10, 40, 50) if self.classes[3:4] == [job.class_id] else (65, 17, 18)
                    self.fates[turn] = self.random.choices(list(found), mood)[0]
                found[self.fates[turn]].append((key[1], job))
        return found

    def make_decline(self, b):
        candidates = self.assigned(b)["decline"]
        if not candidates:
            job_id = self.some_job(b, "any")
            job = b.job(job_id)
            own = (
                job.assignment.operator
                if job and job.assignment and self.random.random() < 0.1
                else self.one()
            )
            return {"from": own, "job": job_id}
        job_id, job = self.random.choice(candidates)
        return {
            "from": job.assignment.operator if self.random.random() < 0.97 else self.one(),
            "job": job_id,
        }

    def make_deliver(self, b):
        r, assigned = self.random, self.assigned(b)["deliver"]
        if assigned and r.random() < 0.7:
            job_id, job = r.choice(assigned)
            own = job.assignment.operator
            same = [
                i
                for i, j in assigned
                if j.class_id == job.class_id and j.assignment.operator == own
            ]
        else:
            job_id = self.some_job(b, "any" if r.random() < 0.1 else "open")
            job, own = b.job(job_id), self.one()
            same = [entry.job for entry in b.entries(job.class_id)] if job else []
            if job and (job.misses or job.declines) and r.random() < 0.4:
                own = r.choice(job.misses + job.declines).operator
        jobs = {job_id, *r.sample(same, min(len(same), r.choice((0, 0, 0, 1, 3, 15))))}
        if r.random() < 0.03:
            jobs.add(self.some_job(b, "any"))
        return {
            "from": own,
            "jobs": tuple(sorted(jobs)[:16]),
            "proof": r.randbytes(r.randint(0, 20)),
        }


__all__ = ["Generator", "TARGET", "rules"]
