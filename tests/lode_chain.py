"""A Lode chain as plain numbers: replayed block by block from the JSON of a node's HTTP API.

`Chain` applies the rules of lode_protocol.py to each block and raises `Difference` at the first
number that does not follow from them. recompute.py reads the blocks and compares the rest of what
the node says. Python 3.9 or later, standard library only.
"""

import pathlib
import struct

import lode_protocol as lode
from lode_market import actions, state, transactions, transition
from lode_market.codec import Invalid
from lode_market.leaves import Account, Pool
from lode_protocol import address_bytes, address_text


class Difference(Exception):
    """What the node says is not what the rules say."""


# What an answer that is not as docs/src/api.md says can raise while it is read.
MALFORMED = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    struct.error,
    Invalid,
)


def same(what, computed, got):
    if computed != got or type(computed) is not type(got):
        shown = [
            value.hex() if isinstance(value, bytes) else repr(value) for value in (computed, got)
        ]
        raise Difference(f"{what}: computed {shown[0]}, the node says {shown[1]}")


def same_fields(what, computed, got):
    for field, value in computed.items():
        same(f"{what}: {field}", value, got[field])


def require(what, holds):
    if not holds:
        raise Difference(f"{what}: the rule is broken")


# --- Reading the API's JSON (docs/src/api.md) ---


def read_bytes(answer, *fields):
    return {field: bytes.fromhex(answer[field]) for field in fields}


def read_header(h):
    hashes = read_bytes(
        h, "parent_hash", "anchor_hash", "transactions_root", "shares_root", "state_root"
    )
    return {
        **hashes,
        "height": h["height"],
        "timestamp_ms": h["timestamp_ms"],
        "producer": address_bytes(h["producer"]),
        "target": int(h["target"]),
    }


def read_proof(p):
    return {**read_bytes(p, "commitment", "opening"), "nonce": int(p["nonce"])}


def read_share(s):
    return {
        **read_bytes(s, "anchor_hash", "content_hash"),
        **read_proof(s),
        "prover": address_bytes(s["prover"]),
    }


def read_transaction(answer):
    """The transaction in an answer's bytes; what else the answer says of it must be the same."""
    t, signature = actions.decode_signed(bytes.fromhex(answer["bytes"]))
    same("transaction: signature", lode.bech32m_encode("sign", signature), answer["signature"])
    said = {
        "type": t["type"],
        "from": address_text(t["from"]),
        "fee": t["fee"],
        "nonce": str(t["nonce"]),
        "expiry": t["expiry"],
    }
    if t["type"] == "transfer":
        said.update({"to": address_text(t["to"]), "amount": t["amount"]})
    same_fields("transaction", said, answer)
    return t


def read_network(path):
    """A network's file: TOML of flat `key = value` lines and at most one table, [allocations]."""
    params = table = {"allocations": {}}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if line == "[allocations]":
            table = params["allocations"]
        elif line:
            key, _, value = (part.strip() for part in line.partition("="))
            table[key.strip('"')] = value.strip('"') if value.startswith('"') else int(value)
    params["genesis_target"] = int(params["genesis_target"], 16)
    params["allocations"] = {
        address_bytes(text): amount for text, amount in params["allocations"].items()
    }
    return params


# --- The chain, block by block ---


class Chain:
    """Replays blocks in order, and holds everything they say against the rules."""

    def __init__(self, params):
        self.p = params
        self.headers, self.hashes, self.works = [], [], []  # by height
        self.shares = [{}]  # by epoch: {prover: shares}; the last is open
        self.weights = []  # by epoch that has ended: {prover: weight}
        self.seen = set()  # (statement, nonce) of every share
        self.transactions = 0
        self.state = state.genesis(params, lode.genesis_share_fund(params["epoch_length"]))
        # Hashes of values, by the keys' hashes.
        self.leaves = {
            key: lode.b256("", value) for key, value in self.state.encoded().items()
        }

    def tip(self):
        return len(self.headers) - 1

    def epoch(self, height):
        return height // self.p["epoch_length"]

    def challenge(self, epoch):
        return lode.epoch_challenge(self.hashes[max(0, epoch * self.p["epoch_length"] - 1)])

    def first_target(self, epoch):
        return self.headers[epoch * self.p["epoch_length"]]["target"]

    def share_target(self, epoch):
        return lode.share_target(self.first_target(epoch), self.p["shares_per_block"])

    def target(self, height):
        """The target of the block at `height`, at most one above the tip."""
        if height < 3:
            return self.p["genesis_target"]
        grandparent, parent = self.headers[height - 2 : height]
        solve_time_ms = parent["timestamp_ms"] - grandparent["timestamp_ms"]
        return lode.next_target(
            parent["target"], solve_time_ms, self.p["block_interval_ms"], self.p["asert_tau_ms"]
        )

    def weights_of(self, epoch):
        """The weights of an epoch; of the open one, as if it ended at the tip."""
        if epoch < len(self.weights):
            return self.weights[epoch]
        return lode.next_weights(self.weights[-1] if self.weights else {}, self.shares[-1])

    def weight_sums(self):
        """Of each epoch up to the open one: the sum at its end, and the shares in it."""
        sums = []
        for shares in self.shares:
            before = sums[-1][0] if sums else 0
            sums.append((lode.next_weight_sum(before, shares), sum(shares.values())))
        return sums

    def weight_leaves(self):
        """The leaves of every prover that ever had a share, and of the sum, from weights that were
        halved epoch by epoch."""
        weights = [self.weights_of(epoch) for epoch in range(len(self.shares))]
        histories = {lode.weight_sum_key(): self.weight_sums()}
        for prover in {prover for shares in self.shares for prover in shares}:
            pairs = zip(weights, self.shares)
            histories[lode.weight_key(prover)] = [
                (w.get(prover, 0), n.get(prover, 0)) for w, n in pairs
            ]
        leaves = {key: lode.weight_leaf(history) for key, history in histories.items()}
        return {key: lode.encode_weight(*leaf) for key, leaf in leaves.items() if leaf}

    def supply(self):
        return self.state.supply.plain()

    def state_root(self):
        for key, value in self.state.take_changes().items():
            if value is None:
                del self.leaves[key]
            else:
                self.leaves[key] = lode.b256("", value)
        return lode.tree_root(list(self.leaves.items()))

    def account(self, address):
        """An account's leaf, or what there is without one."""
        return self.state.get("account", address) or Account(0, 0)

    def accounts(self):
        return {key[1] for key in self.state.leaves if key[0] == "account"}

    def pending(self):
        """All credits that wait for maturity, as (address, amount)."""
        return [
            credit
            for key, leaf in self.state.leaves.items()
            if key[0] == "pending"
            for credit in leaf.credits.items()
        ]

    def pool(self, epoch):
        """What is left of an epoch's proving pool."""
        return (self.state.get("proving-pool", epoch) or Pool(0, 0)).left

    def block(self, block):
        """Replays one answer of GET /block/{height}."""
        header, proof = read_header(block["header"]), read_proof(block["proof"])
        shares = [read_share(share) for share in block["shares"]]
        sent = [read_transaction(transaction) for transaction in block["transactions"]]
        header_bytes = lode.encode_header(header)
        if header["height"] == 0:
            self.check_genesis(header, proof)
        else:
            self.check_header(header)
        self.enter(header, lode.block_hash(header_bytes, proof))
        self.check_proof(block, header, header_bytes, proof)
        encoded_shares = self.check_shares(block["shares"], shares, header["height"])
        encoded_transactions = self.check_transactions(block["transactions"], sent)
        same("shares_root", lode.merkle_root(encoded_shares), header["shares_root"])
        same(
            "transactions_root", lode.merkle_root(encoded_transactions), header["transactions_root"]
        )
        provers = [share["prover"] for share in shares]
        fees = self.apply(header, block["transactions"], sent, provers)
        same("state_root", self.state_root(), header["state_root"])
        size = len(
            header_bytes
            + lode.encode_proof(proof)
            + lode.encode_body(encoded_transactions, encoded_shares)
        )
        same_fields(
            "block",
            {
                "work": str(self.works[-1]),
                "subsidy": lode.subsidy(header["height"]),
                "fees": fees,
                "size_bytes": size,
            },
            block,
        )

    def check_genesis(self, header, proof):
        nothing = lode.merkle_root([])
        same_fields(
            "genesis",
            {
                "height": 0,
                "parent_hash": lode.network_hash(self.p),
                "anchor_hash": lode.ZERO,
                "timestamp_ms": self.p["genesis_timestamp_ms"],
                "transactions_root": nothing,
                "shares_root": nothing,
                "state_root": self.state_root(),
                "producer": lode.ZERO,
                "target": self.p["genesis_target"],
            },
            header,
        )
        same_fields("genesis", {"nonce": 0, "commitment": bytes(96), "opening": bytes(96)}, proof)

    def check_header(self, header):
        height = self.tip() + 1
        same_fields(
            "header",
            {"height": height, "parent_hash": self.hashes[-1], "target": self.target(height)},
            header,
        )
        median_ms = lode.median([h["timestamp_ms"] for h in self.headers[-11:]])
        require(f"timestamp above the median {median_ms}", header["timestamp_ms"] > median_ms)
        self.check_anchor(header["anchor_hash"], height)

    def check_anchor(self, anchor_hash, height):
        allowed = [self.hashes[anchor] for anchor in lode.anchor_heights(self.p, height)]
        require(f"anchor {anchor_hash.hex()} at height {height}", anchor_hash in allowed)

    def enter(self, header, block_hash):
        """Puts a block on top, and closes the epoch before if the block opens one."""
        height = header["height"]
        self.headers.append(header)
        self.hashes.append(block_hash)
        self.works.append(self.works[-1] + lode.work(header["target"]) if height else 0)
        if height and height % self.p["epoch_length"] == 0:
            self.weights.append(self.weights_of(self.epoch(height) - 1))
            self.shares.append({})

    def check_proof(self, block, header, header_bytes, proof):
        height, genesis = header["height"], self.hashes[0]
        challenge, content = self.challenge(self.epoch(height)), lode.content_hash(header_bytes)
        statement = lode.statement(
            genesis, challenge, header["anchor_hash"], content, header["producer"]
        )
        same("header: version", 1, block["header"]["version"])
        same_fields(
            "block",
            {
                "header_bytes": header_bytes.hex(),
                "hash": self.hashes[-1].hex(),
                "height": height,
                "epoch": self.epoch(height),
                "genesis_hash": genesis.hex(),
                "epoch_challenge": challenge.hex(),
                "content_hash": content.hex(),
                "statement": statement.hex(),
            },
            block,
        )
        ticket = lode.ticket(statement, proof)
        same("proof: ticket", ticket.hex(), block["proof"]["ticket"])
        if height:
            require("ticket meets the block target", lode.block_value(ticket) <= header["target"])

    def check_shares(self, answers, shares, height):
        """Counts a block's shares, and gives their encodings."""
        epoch = self.epoch(height)
        require("number of shares", len(shares) <= 2 * self.p["shares_per_block"])
        for answer, share in zip(answers, shares):
            self.check_anchor(share["anchor_hash"], height)
            statement = lode.statement(
                self.hashes[0],
                self.challenge(epoch),
                share["anchor_hash"],
                share["content_hash"],
                share["prover"],
            )
            ticket = lode.ticket(statement, share)
            same_fields("share", {"statement": statement.hex(), "ticket": ticket.hex()}, answer)
            require(
                "ticket meets the share target",
                lode.share_value(ticket) <= self.share_target(epoch),
            )
            require("a share counts once", (statement, share["nonce"]) not in self.seen)
            self.seen.add((statement, share["nonce"]))
        return [lode.encode_share(share) for share in shares]

    def check_transactions(self, answers, sent):
        """Counts a block's transactions, and gives their encodings."""
        for answer, t in zip(answers, sent):
            same("transaction: id", actions.transaction_id(self.hashes[0], t).hex(), answer["id"])
        encoded = [bytes.fromhex(answer["bytes"]) for answer in answers]
        require("number of transactions", len(encoded) <= 2048)
        self.transactions += len(encoded)
        return encoded

    def apply(self, header, answers, sent, provers):
        """What the block does to the state. Gives the fees."""
        height, epoch = header["height"], self.epoch(header["height"])
        if height == 0:
            return 0
        b = transition.begin(self.state, self.p, height, self.hashes)
        for place, (answer, t) in enumerate(zip(answers, sent)):
            # Both need curves: whether a proof holds, and what a key says.
            outcome, reason = transactions.apply(
                b, t, place, answer["proof_holds"], answer.get("values")
            )
            require(f"transaction {place}: {reason}", outcome != "invalid")
            told = "false_proof" if (outcome, reason) == ("applied", "false") else outcome
            same(f"transaction {place}: outcome", told, answer["outcome"])
            judged = t["type"] == "deliver" and outcome != "void"
            holds = told == "applied" if judged else None
            same(f"transaction {place}: proof_holds", holds, answer["proof_holds"])
        for prover in provers:
            counted = b.appointment(prover)[0]
            self.shares[epoch][counted] = self.shares[epoch].get(counted, 0) + 1
        transition.finish(
            b, header["producer"], provers, header["target"], self.first_target(epoch)
        )
        return b.fees
