"""The market's golden vectors of bytes: every transaction and every leaf, and what a decoder
refuses."""

import lode_protocol as lode
from inputs import fill, number
from lode_market import actions, leaves
from lode_market.actions import Policy
from lode_market.codec import FIELD, Invalid, Reader

MAX_64, MAX_32, MAX_16 = 2**64 - 1, 2**32 - 1, 2**16 - 1
GENESIS = fill("genesis hash")


def element(label):
    return (number(label, 256) % (2**252)).to_bytes(32, "little")


def ascending(label, count):
    return tuple(sorted(fill(f"{label} {index}") for index in range(count)))


LEAST_POLICY = Policy(0, 1, 1, 0, 0, 1_000, 0, 0, 0, 0, 10_000, 1, 1, 0, ())
SOME_POLICY = Policy(
    1,
    3,
    0x0123,
    1,
    250,
    1_500,
    2**40 + 7,
    77,
    5_000,
    65_536,
    2_500,
    17,
    6,
    70_000,
    ascending("permitted", 2),
)
GREATEST_POLICY = Policy(
    2,
    16,
    MAX_16,
    1,
    1_000,
    MAX_16,
    MAX_64,
    9_969,
    MAX_64,
    MAX_64,
    10_000,
    64,
    32,
    MAX_32,
    ascending("many permitted", 64),
)

# --- Transactions ---------------------------------------------------------------------------------


def envelope(kind, label, greatest=False):
    if greatest:
        return {
            "type": kind,
            "from": fill(f"{label} from"),
            "fee": MAX_64,
            "nonce": MAX_64,
            "expiry": MAX_32,
        }
    return {
        "type": kind,
        "from": fill(f"{label} from"),
        "fee": number(f"{label} fee", 32),
        "nonce": number(f"{label} nonce", 64),
        "expiry": number(f"{label} expiry", 32),
    }


def bodies():
    """(kind, fields, whether the envelope's numbers are the greatest)."""
    yield "transfer", {"to": fill("to"), "amount": 1}, False
    yield (
        "register_class",
        {"system": 1, "policy": LEAST_POLICY, "royalty_bps": 0, "key": b"", "source": b""},
        True,
    )
    yield (
        "register_class",
        {
            "system": 1,
            "policy": SOME_POLICY,
            "royalty_bps": 250,
            "key": fill("key", 664),
            "source": b"main\nprogram;\n",
        },
        False,
    )
    yield (
        "register_class",
        {
            "system": 1,
            "policy": GREATEST_POLICY,
            "royalty_bps": 2_000,
            "key": fill("long key", 300),
            "source": fill("long source", 300),
        },
        True,
    )
    for kind in ("bond", "unbond"):
        yield kind, {"amount": 1}, False
        yield kind, {"amount": 2**63 + 9}, False
    yield "unbond", {"amount": MAX_64}, True
    yield (
        "ask",
        {"class": fill("class"), "price": 1, "blocks": 2, "capacity": 0, "max_bond": 0, "until": 0},
        False,
    )
    yield (
        "ask",
        {
            "class": fill("class"),
            "price": MAX_64,
            "blocks": 100_000,
            "capacity": MAX_16,
            "max_bond": MAX_64,
            "until": MAX_32,
        },
        True,
    )
    yield from job_bodies()


def job_bodies():
    """The same of requests and of what follows them."""
    yield "request", request(), False
    yield (
        "request",
        request(
            flags=3,
            operator=fill("named"),
            values=(element("v0"), element("v1")),
            witness=b"1u64\n2u64\n",
        ),
        False,
    )
    yield (
        "request",
        request(
            price=MAX_64,
            late_price=MAX_64,
            soft_blocks=100_000,
            hard_blocks=100_000,
            damage=MAX_64,
            min_reputation=9_969,
            flags=1,
            values=(GREATEST,),
            witness=fill("witness", 100),
        ),
        True,
    )
    yield "raise", {"job": fill("job"), "price": 0, "late_price": 0}, False
    yield "raise", {"job": fill("job"), "price": MAX_64, "late_price": MAX_64}, True
    yield "cancel", {"job": fill("job")}, False
    yield "decline", {"job": fill("job")}, False
    yield "deliver", {"jobs": (fill("job"),), "proof": b""}, False
    yield "deliver", {"jobs": ascending("batch", 16), "proof": fill("proof", 3_116)}, True
    yield "appoint", {"operator": fill("appointed")}, False


GREATEST = (FIELD - 1).to_bytes(32, "little")


def request(**changes):
    return {
        "class": fill("class"),
        "price": 1,
        "late_price": 0,
        "soft_blocks": 1,
        "hard_blocks": 1,
        "damage": 0,
        "min_reputation": 0,
        "flags": 0,
        "operator": None,
        "values": (),
        "witness": b"",
        **changes,
    }


def transactions():
    for index, (kind, fields, greatest) in enumerate(bodies()):
        t = {**envelope(kind, f"market {kind} {index}", greatest), **fields}
        data, signature = actions.encode(t), fill(f"signature {index}", 128)
        assert actions.decode_signed(data + signature) == (t, signature), t
        vector = {
            "fields": t,
            "bytes": data,
            "id": actions.transaction_id(GENESIS, t),
            "signed_bytes": data + signature,
        }
        if kind == "deliver":
            vector["binding"] = actions.binding(GENESIS, t["jobs"], t["from"])
        yield vector


def forged():
    """(why, the bytes of an unsigned transaction that must be refused)."""

    def t(kind, **changes):
        fields = next(fields for name, fields, _ in bodies() if name == kind)
        return {**envelope(kind, f"forged {kind}"), **fields, **changes}

    wrong = [
        ("transfer", {"amount": 0}),
        ("transfer", {"amount": MAX_64, "fee": 1}),
        ("register_class", {"system": 0}),
        ("register_class", {"system": 2}),
        ("register_class", {"royalty_bps": 2_001}),
        ("register_class", {"key": bytes(8_193)}),
        ("register_class", {"source": bytes(32_769)}),
        ("bond", {"amount": 0}),
        ("bond", {"amount": MAX_64, "fee": 1}),
        ("unbond", {"amount": 0}),
        ("ask", {"price": 0}),
        ("ask", {"blocks": 1}),
        ("ask", {"blocks": 100_001}),
        ("request", {"price": 0}),
        ("request", {"late_price": 2}),
        ("request", {"soft_blocks": 0}),
        ("request", {"soft_blocks": 2}),
        ("request", {"hard_blocks": 100_001}),
        ("request", {"hard_blocks": 0}),
        ("request", {"min_reputation": 9_970}),
        ("request", {"flags": 4}),
        ("request", {"values": ((int.from_bytes(GREATEST, "little") + 1).to_bytes(32, "little"),)}),
        ("request", {"values": (b"\xff" * 32,)}),
        ("request", {"witness": bytes(16_385)}),
        ("raise", {"late_price": 1}),
        ("deliver", {"jobs": ()}),
        ("deliver", {"jobs": ascending("batch", 17)}),
        ("deliver", {"jobs": ascending("batch", 2)[::-1]}),
        ("deliver", {"jobs": (fill("job"),) * 2}),
        ("deliver", {"proof": bytes(32_769)}),
    ]
    for kind, changes in wrong:
        yield f"{kind}: {', '.join(changes)}", actions.encode(t(kind, **changes))
    policies = [
        ("selection", 3),
        ("winners", 0),
        ("winners", 17),
        ("window", 0),
        ("randomised", 2),
        ("band_bps", 1_001),
        ("bond_bps", 999),
        ("min_reputation", 9_970),
        ("share_cap_bps", 10_001),
        ("max_operators", 0),
        ("max_operators", 65),
        ("claim_blocks", 0),
        ("claim_blocks", 33),
        ("permitted", ascending("permitted", 65)),
        ("permitted", ascending("permitted", 2)[::-1]),
        ("permitted", (fill("twice"),) * 2),
    ]
    for name, value in policies:
        yield (
            f"policy: {name}",
            actions.encode(t("register_class", policy=LEAST_POLICY.replace(**{name: value}))),
        )
    big = t("request", values=(bytes(32),) * 1_401, witness=bytes(16_357))
    assert len(actions.encode(big)) + 128 == 61_441
    yield "a byte above 60 KiB with a signature", actions.encode(big)
    good = actions.encode(t("cancel"))
    yield "a byte too few", good[:-1]
    yield "a byte too many", good + b"\0"
    yield "tag 0", b"\0" + good[1:]
    yield "tag 12", b"\x0c" + good[1:]
    yield "nothing", b""


def refused():
    for why, data in forged():
        try:
            actions.decode(data)
        except Invalid as error:
            yield {"why": why, "reason": str(error), "bytes": data}
        else:
            raise AssertionError(f"not refused: {why}")


# --- Leaves ---------------------------------------------------------------------------------------


def job(**changes):
    return leaves.Job(
        0,
        fill("class"),
        1_000,
        10,
        20,
        30,
        5,
        7,
        0,
        None,
        (element("v0"),),
        fill("requester"),
        15,
        3,
        1_000,
        10_000,
        leaves.WAITING,
        None,
        None,
        None,
        (),
        (),
        (),
    ).replace(**changes)


def jobs():
    """Each status, each option, each list."""
    a = leaves.Assignment(fill("assignee"), 900, 22, 10_000, 16)
    misses = tuple(
        leaves.Miss(fill(f"misser {index}"), 20 + index, 10_000, 800 + index) for index in range(5)
    )
    declines = tuple(
        leaves.Decline(fill(f"decliner {index}"), 850 + index, 100 + index) for index in range(3)
    )
    deliveries = tuple(
        leaves.Delivery(fill(f"contestant {index}"), 17 + index) for index in range(16)
    )
    yield job()
    yield job(status=leaves.OPEN, opened=16, flags=2, operator=fill("named"), values=())
    yield job(status=leaves.OPEN, opened=16, cancel=17)
    yield job(status=leaves.OPEN, opened=16, open_price=700, misses=misses, declines=declines)
    yield job(status=leaves.OPEN, opened=15, deliveries=deliveries)
    yield job(status=a, flags=3, operator=fill("assignee"), values=(element("v0"), element("v1")))
    yield job(status=a, misses=misses[:1], declines=declines[:2])
    yield job(
        price=MAX_64,
        late_price=MAX_64,
        soft=MAX_32,
        hard=MAX_32,
        damage=MAX_64,
        min_reputation=9_969,
        created=MAX_32,
        place=MAX_16,
        escrow=MAX_64,
        bond=MAX_64,
    )
    for how in (leaves.DELIVERED, leaves.FAILED, leaves.CANCELLED):
        yield leaves.Ended(how, fill("class"), (element("v0"),) * how, 30 + how)


def records():
    """(name, ids, record)."""
    address, class_id = fill("address"), fill("class")
    yield "proving-pool", (3,), leaves.Pool(2**53 + 1, 2**40)
    yield "proving-pool", (MAX_32,), leaves.Pool(MAX_64, MAX_64)
    yield (
        "operator",
        (address,),
        leaves.Operator(10**9, 10**6, 10**8, 12_345, 70_000, 9_969, 777, 666, 5, 300),
    )
    yield (
        "operator",
        (address,),
        leaves.Operator(
            MAX_64, MAX_64, MAX_64, MAX_64, MAX_32, 10_000, MAX_64, MAX_64, MAX_32, MAX_32
        ),
    )
    yield "appoint", (address,), leaves.Appointment(address, fill("appointed"), 9)
    for policy in (LEAST_POLICY, SOME_POLICY, GREATEST_POLICY):
        yield (
            "class",
            (class_id,),
            leaves.Class(fill("creator"), 1, policy, 250, 63, 2_048, 1_999, 2**40, 2**50, 80_000),
        )
    yield "key", (class_id,), leaves.Key(data=fill("key", 664))
    asks = [
        leaves.Ask(operator, 10**6, 4, 16, 10**7, 90_000, 80_000, 2)
        for operator in ascending("asking", 2)
    ]
    yield "book", (class_id,), leaves.Book(tuple(asks))
    yield (
        "book",
        (class_id,),
        leaves.Book(
            (leaves.Ask(address, MAX_64, 100_000, MAX_16, MAX_64, MAX_32, MAX_32, MAX_16),)
        ),
    )
    entries = (
        job().entry(fill("job")),
        job(status=leaves.OPEN, cancel=3).entry(fill("second job")),
    )
    yield "waiting", (class_id,), leaves.Waiting(entries)
    for record in jobs():
        yield "job", (fill("job"),), record
    events = (
        leaves.JobEvent(0, 70_001, fill("job")),
        leaves.AskEvent(1, 70_002, class_id, address),
    )
    yield "queue", (0,), leaves.QueuePage(events)
    yield "queue", (MAX_32,), leaves.QueuePage((events[0],) * 128)
    yield "agenda", (70_001, 0), leaves.AgendaPage((fill("job"),))
    yield "agenda", (70_001, 2), leaves.AgendaPage((fill("job"), fill("second job"), fill("job")))
    yield "agenda-last", (70_001,), leaves.AgendaLast(2)
    yield "agenda-oldest", (), leaves.AgendaOldest(69_999, 1)


def state_leaves():
    for name, ids, record in records():
        data = record.encode()
        assert leaves.decode(name, data).encode() == data
        fields = {"data": record.data} if name == "key" else record.plain()
        yield {
            "name": name,
            "ids": ids,
            "key": leaves.key_bytes(name, *ids),
            "fields": fields,
            "bytes": data,
        }


def broken_leaves():
    """(name, bytes) that are no leaf: each would be written otherwise, or says what cannot be."""
    whole = job(flags=2, operator=fill("named")).encode()
    status = len(job(flags=2, operator=fill("named"), values=()).encode()) + 32 - 10
    assert whole[status] == leaves.WAITING
    yield "job", whole[:status] + b"\3" + whole[status + 1 :]
    yield "job", whole[: status + 1] + b"\2" + whole[status + 2 :]
    yield "job", b"\4" + whole[1:]
    yield "job", whole[:-1]
    yield "job", whole + b"\0"
    yield "job", whole[:-2] + lode.u16(17) + bytes(17 * 36)
    yield "queue", lode.u16(1) + b"\2" + bytes(36)
    yield "queue", lode.u16(0)
    yield "queue", lode.u16(129) + (b"\0" + bytes(36)) * 129
    yield "agenda", lode.u16(0)
    yield "book", lode.u16(0)
    yield "waiting", lode.u16(0)
    entry = job().entry(fill("job")).encode()
    yield "waiting", lode.u16(1) + entry[:-2] + b"\2\0"
    yield "waiting", lode.u16(1) + entry[:-1] + b"\2"
    yield "proving-pool", bytes(8)


def refused_leaves():
    for name, data in broken_leaves():
        try:
            leaves.decode(name, data)
        except Invalid:
            yield {"name": name, "bytes": data}
        else:
            raise AssertionError(f"not refused: {name} {data.hex()}")


def market_bytes():
    policies = [LEAST_POLICY, SOME_POLICY, GREATEST_POLICY]
    supply = leaves.Supply(*range(2**63, 2**63 + 9))
    for policy in policies:
        assert Policy.read(Reader(policy.encode())) == policy
    return {
        "genesis_hash": GENESIS,
        "policies": [{"fields": policy, "bytes": policy.encode()} for policy in policies],
        "transactions": list(transactions()),
        "refused_transactions": list(refused()),
        "leaves": list(state_leaves()),
        "refused_leaves": list(refused_leaves()),
        "supply": {"fields": supply, "bytes": supply.encode()},
    }
