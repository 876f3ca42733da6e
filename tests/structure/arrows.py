"""Which crate may depend on which: the house, as a list. Dependencies point downward only.

A new crate gets a line in MAY_USE, and a new arrow its word there, or a reason why not. Crates that
are planned stand here already.
"""

import re

# Each of the workspace's crates, by its folder ("lode" is the root package), and those of them that
# it may use.
MAY_USE = {
    # What all programs share as programs: configuration, output, how they end.
    "app": "",
    # Mathematics.
    "algebra": "",
    "accelerate": "algebra",
    "puzzle": "algebra",
    "proofs": "algebra",
    "programs": "accelerate proofs",
    # Rules.
    "consensus": "proofs puzzle",
    "genesis": "consensus proofs puzzle",
    "api": "consensus proofs puzzle",
    # A node.
    "ledger": "consensus genesis proofs puzzle",
    "network": "consensus proofs puzzle",
    "core": "consensus genesis ledger network proofs puzzle",
    "http": "api consensus core proofs puzzle",
    "explorer": "api consensus core proofs puzzle",
    "stratum": "api consensus core puzzle",
    "node": "algebra api app consensus core explorer genesis http ledger network proofs puzzle"
    " stratum",
    # Those who work for one: without its database and its peers.
    "cuda": "algebra puzzle",
    "miner": "algebra api app consensus cuda genesis puzzle",
    "prover": "accelerate algebra api app consensus cuda genesis programs proofs",
    # The command line: embeds a node, a miner and a prover for `lode devnet` (EMBEDDED below), and
    # speaks through api.
    "lode": "api app consensus core genesis ledger miner network node programs proofs prover"
    " puzzle",
    # Nothing that is shipped uses these.
    "benches": "accelerate algebra consensus genesis programs proofs puzzle",
    "testkit": "algebra api consensus core genesis ledger network proofs puzzle",
    "tests": "algebra api app consensus core genesis http ledger miner network node programs proofs"
    " prover puzzle stratum testkit",
}

# What any crate's tests may use on top.
TESTS_MAY_USE = "genesis testkit"

# Outside crates with one place in the house: who may name them, tests aside.
AT_HOME = {
    "axum": "explorer http",
    "cudarc": "cuda",
    "hyper": "explorer http",
    "libp2p": "network",
    "nvml-wrapper": "cuda",
    "rocksdb": "ledger testkit",
    "tokio": "core explorer http lode network node stratum testkit tests",
}

# What a program must not link, however indirectly. A rig needs neither database nor peers: it stays
# small enough to audit, and builds anywhere. Rules know no thread that waits, no database and no
# socket.
MUST_NOT_LINK = {
    "algebra": "libp2p rocksdb tokio",
    "consensus": "libp2p rocksdb tokio",
    "genesis": "libp2p rocksdb tokio",
    "miner": "libp2p rocksdb",
    "prover": "libp2p rocksdb",
    "proofs": "libp2p rocksdb tokio",
    "puzzle": "libp2p rocksdb tokio",
}

# Of the command line's files, those that start with the first may name the crates of the second;
# the others speak through api.
EMBEDDED = ("src/commands/devnet", "core ledger miner network node prover")


def short(name):
    """A crate of the workspace by its folder."""
    return name.removeprefix("lode-")


def may_use(user, name, for_tests):
    if short(name) == user:
        # Its own tests turn on its features.
        return for_tests
    if name == "lode" or name.startswith("lode-"):
        return short(name) in MAY_USE[user].split() or (
            for_tests and short(name) in TESTS_MAY_USE.split()
        )
    return for_tests or name not in AT_HOME or user in AT_HOME[name].split()


def broken(packages, nodes):
    """Findings about the workspace's packages and the resolved graph of all, as `cargo metadata`
    gives them.
    """
    found = []
    for package in packages:
        user = short(package["name"])
        if user not in MAY_USE:
            found.append(
                f"no crate `{user}` is planned: add it to MAY_USE in tests/structure/arrows.py, "
                "with what it may use"
            )
            continue
        for dependency in package["dependencies"]:
            name, for_tests = dependency["name"], dependency["kind"] == "dev"
            if not may_use(user, name, for_tests):
                found.append(
                    f"{user} must not depend on {name}{' in tests' if for_tests else ''}: see "
                    "tests/structure/arrows.py"
                )
        found += links(package, MUST_NOT_LINK.get(user, "").split(), nodes)
    return found


def links(package, forbidden, nodes):
    """What a package is linked with, tests and build scripts aside, and must not be."""
    names = {node["id"]: name_of(node["id"]) for node in nodes}
    needs = {
        node["id"]: [
            to["pkg"]
            for to in node["deps"]
            if any(kind["kind"] is None for kind in to["dep_kinds"])
        ]
        for node in nodes
    }
    users, todo = {package["id"]: None}, [package["id"]]
    for at in todo:
        for needed in needs[at]:
            if needed not in users:
                users[needed] = at
                todo.append(needed)
    found = []
    for at in users:
        if names[at] in forbidden:
            way = [at]
            while users[way[-1]]:
                way.append(users[way[-1]])
            found.append(
                " -> ".join(names[step] for step in reversed(way)) + ": must not be linked there"
            )
    return found


def name_of(package_id):
    """`registry+…#name@1.2.3`, or `path+file:///…/folder#1.2.3` if folder and name are equal."""
    place, _, version = package_id.partition("#")
    return version.split("@")[0] if "@" in version else place.rsplit("/", 1)[1]


def embedded(sources):
    """Of the command line's files, by name and text, those that name what only the devnet may."""
    start, crates = EMBEDDED
    named = re.compile(rf"\blode_({'|'.join(crates.split())})\b")
    others = {
        name: text
        for name, text in sources.items()
        if name.startswith("src/") and not name.startswith(start)
    }
    return [
        f"{name} must not name {match[0]}: only {start}* does"
        for name, text in others.items()
        if (match := named.search(text))
    ]


def try_out():
    def package(name, *needs):
        return {
            "name": name,
            "id": f"path+file:///{short(name)}#{name}@1",
            "dependencies": [{"name": need, "kind": kind} for need, kind in needs],
        }

    def node(package_id, *needs):
        return {
            "id": package_id,
            "deps": [{"pkg": need, "dep_kinds": [{"kind": kind}]} for need, kind in needs],
        }

    good = package(
        "lode-puzzle",
        ("lode-algebra", None),
        ("lode-genesis", "dev"),
        ("tokio", "dev"),
        ("hex", None),
    )
    upward = package(
        "lode-puzzle", ("lode-ledger", None), ("lode-ledger", "dev"), ("rocksdb", "build")
    )
    miner = package("lode-miner")
    graph = [
        node(good["id"], ("r#tokio@1", "dev")),
        node(miner["id"], ("r#snark@1", None)),
        node("r#snark@1", ("r#rocksdb@2", None)),
        node("r#rocksdb@2"),
        node("r#tokio@1"),
    ]
    assert broken([good], graph) == [], broken([good], graph)
    assert broken([package("lode-puzzle", ("lode-puzzle", "dev"))], graph) == []
    assert len(broken([package("lode-puzzle", ("lode-puzzle", None))], graph)) == 1
    assert len(broken([upward], graph)) == 3, broken([upward], graph)
    assert broken([miner], graph) == ["lode-miner -> snark -> rocksdb: must not be linked there"], (
        broken([miner], graph)
    )
    assert "no crate `news`" in broken([package("lode-news")], graph)[0]
    assert (
        embedded(
            {
                "src/commands/devnet.rs": "use lode_node::Node;",
                "src/api.rs": "lode_nodes",
                "node/src/run.rs": "lode_ledger::",
            }
        )
        == []
    )
    assert len(embedded({"src/api.rs": "use lode_ledger::Ledger;"})) == 1
