"""Inputs of the golden vectors, from labelled hashes, so that the files never change by themselves;
and how they are written."""

import hashlib


def fill(label, size=32):
    """`size` bytes that are different for every label."""
    return hashlib.shake_256(f"lode vectors: {label}".encode()).digest(size)


def number(label, bits):
    return int.from_bytes(fill(label, bits // 8), "little")


def plain(value):
    """The value as it stands in the files."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "plain"):
        return plain(value.plain())
    return (
        str(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 2**53
        else value
    )
