"""A history that reaches every bound on a block's work: assignments, takings, agenda entries, named
classes, lists."""

from . import actions
from .actions import Policy
from .generator import PARAMS, Generator, h32

BLOCKS = 230
CLASSES = 5
OPERATORS = 64
COMMON_HARD = 130  # at which more entries fall due than a block takes
RICH = 10**12


class Bounds(Generator):
    """What happens in which block stands in `script`."""

    def __init__(self, seed):
        super().__init__(seed)
        self.addresses = sorted(h32("bounds", "address", index) for index in range(OPERATORS + 1))
        self.params = {**PARAMS, "allocations": {address: RICH for address in self.addresses}}
        self.requester, *self.operators = self.addresses
        self.nonces = {}
        self.last_of_crowd = None

    def block(self, b):
        for made in self.script(b):
            account = b.state.get("account", made["from"])
            yield (
                {"fee": 1, "nonce": account.nonce if account else 0, "expiry": b.height, **made},
                True,
                1,
            )

    def shares(self):
        return self.operators[:3]

    def script(self, b):
        height = b.height
        steps = {
            1: self.begin,
            22: self.asks,
            24: self.jobs,
            50: self.withdraw,
            52: self.patient_jobs,
            56: self.asks,
            60: self.slow_asks,
            90: self.name_classes,
            91: self.fill_class,
            93: self.drive_out,
            95: self.drive_out,
            COMMON_HARD + 1: self.name_overdue,
        }
        if height in steps:
            yield from steps[height](b)
        if 72 <= height < 82:
            yield from self.contestants(b)
        if 62 <= height < 71:
            yield from self.deep_jobs(b)
        if 100 <= height < 109:
            yield from self.crowd(b)

    def begin(self, _b):
        """Classes that anybody may use, and bonds; a stretch of empty blocks follows, so that
        weights count."""
        policy = Policy(0, 1, 1, 0, 1_000, 1_000, 0, 0, 0, 0, 10_000, OPERATORS, 4, 0, ())
        for index in range(CLASSES + 1):
            yield {
                "type": "register_class",
                "from": self.requester,
                "system": 1,
                "policy": policy,
                "royalty_bps": 0,
                "key": bytes([index]),
                "source": b"",
            }
        for randomised in (0, 1):
            contest = policy.replace(
                selection=2, winners=16, window=8, randomised=randomised, min_bond=7
            )
            yield {
                "type": "register_class",
                "from": self.requester,
                "system": 1,
                "policy": contest,
                "royalty_bps": 2_000,
                "key": b"contest",
                "source": b"",
            }
        for operator in self.operators:
            yield {"type": "bond", "from": operator, "amount": 10**9}

    def asks(self, b, capacity=2**16 - 1, classes=None, blocks=4):
        """In every class everybody asks the same."""
        for class_id in classes or self.classes[:CLASSES]:
            for operator in self.operators:
                yield {
                    "type": "ask",
                    "from": operator,
                    "class": class_id,
                    "price": 900,
                    "blocks": blocks,
                    "capacity": capacity,
                    "max_bond": 2**64 - 1,
                    "until": b.height + 1_000,
                }

    def withdraw(self, b):
        yield from self.asks(b, 0)

    def slow_asks(self, b):
        yield from self.asks(b, classes=self.classes[CLASSES : CLASSES + 1], blocks=40)

    def deep_jobs(self, _b):
        """All are assigned and none ends, until the class has as many live jobs as it may."""
        for _ in range(256):
            yield self.request(self.classes[CLASSES], soft_blocks=45, hard_blocks=45)

    def request(self, class_id, **changes):
        return {
            "type": "request",
            "from": self.requester,
            "class": class_id,
            "price": 1_000,
            "late_price": 1_000,
            "soft_blocks": 9,
            "hard_blocks": 9,
            "damage": 0,
            "min_reputation": 0,
            "flags": 0,
            "operator": None,
            "values": (bytes(32),),
            "witness": b"",
            **changes,
        }

    def jobs(self, _b, **changes):
        """As many as are admitted: more than a block matches; nobody delivers, so that all miss in
        one block."""
        for class_id in self.classes[:CLASSES]:
            for _ in range(256):
                yield self.request(class_id, **changes)

    def patient_jobs(self, b):
        """They find no ask and become Open; then asks come that each take sixteen at once."""
        yield from self.jobs(b, soft_blocks=30, hard_blocks=30)

    def contestants(self, b):
        """Two contests, to which more come than there is room for."""
        if b.height == 72:
            for class_id in self.classes[-2:]:
                yield self.request(
                    class_id, price=10**6 + 1, late_price=10**5, soft_blocks=1, hard_blocks=30
                )
            return
        jobs = tuple(
            sorted(entry.job for class_id in self.classes[-2:] for entry in b.entries(class_id))
        )
        for number in range(3):
            operator = self.operators[3 * b.height % OPERATORS + number - 1]
            yield {
                "type": "deliver",
                "from": operator,
                "jobs": (jobs[b.height % 4 == 0],),
                "proof": b"",
            }

    def name_classes(self, b):
        """One class more than a block may name, then one that it has named."""
        for index in range(257):
            yield {
                "type": "ask",
                "from": self.requester,
                "class": h32("class", index),
                "price": 1,
                "blocks": 2,
                "capacity": 1,
                "max_bond": 0,
                "until": b.height + 2,
            }
        yield {
            "type": "ask",
            "from": self.requester,
            "class": h32("class", 0),
            "price": 1,
            "blocks": 2,
            "capacity": 1,
            "max_bond": 0,
            "until": b.height + 2,
        }

    def fill_class(self, b):
        """A waiting list, until only dearer ones come in, which drive out the cheapest."""
        for price in [*range(1_000, 1_262), 1_000, 1_006, 1_007]:
            yield self.request(
                self.classes[0],
                price=price,
                late_price=0,
                soft_blocks=1,
                hard_blocks=30,
                operator=self.requester,
                flags=2,
            )
        for job in [entry.job for entry in b.entries(self.classes[0])][-3:]:
            yield {"type": "cancel", "from": self.requester, "job": job}

    def drive_out(self, b):
        """Dearer ones put the Open ones under Cancel, until the list is full."""
        for number in range(300):
            yield self.request(
                self.classes[0],
                price=1_000 * (b.height - 91) + number,
                late_price=0,
                soft_blocks=1,
                hard_blocks=30,
                operator=self.requester,
                flags=2,
            )

    def crowd(self, b):
        """Jobs with one common hard, each cancelled at once, so that only their agenda entries
        stay; and one that stays."""
        blocks = COMMON_HARD - b.height
        for number in range(950):
            t = self.request(
                self.classes[1],
                soft_blocks=1,
                hard_blocks=blocks,
                late_price=0,
                price=2_000 + number,
            )
            t = {
                "fee": 1,
                "nonce": b.state.get("account", t["from"]).nonce,
                "expiry": b.height,
                **t,
            }
            job_id = actions.transaction_id(self.hashes[0], t)
            yield t
            if number < 948 or b.height < 108:
                yield {"type": "cancel", "from": self.requester, "job": job_id}
            self.last_of_crowd = job_id

    def name_overdue(self, _b):
        """Of the two jobs whose failure must wait for the next block, one is named: it ends now."""
        yield {"type": "cancel", "from": self.requester, "job": self.last_of_crowd}
