"""Bytes of the market's transactions and leaves: what a field is, and records that are made of
fields.

A codec has `write(value, record)` and `read(reader, fields)`; the record, or the fields read so
far, are there for the one field whose presence depends on another. Records are never changed in
place: `replace` gives a new one.
"""

import struct

# The order of BLS12-377's scalar field: public values are below it.
FIELD = 8444461749428370424248824938781546531375899335154063827935233455917409239041


class Invalid(Exception):
    """A transaction that no block may hold; the reason is one word."""


class Void(Exception):
    """A transaction that pays its fee, uses its nonce and does nothing; the reason is one word."""


class Reader:
    """Takes bytes from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        end = self.at + count
        if end > len(self.data):
            raise Invalid("short")
        self.at, taken = end, self.data[self.at : end]
        return taken

    def end(self):
        if self.at != len(self.data):
            raise Invalid("trailing")


class Integer:
    """A little-endian integer within limits."""

    def __init__(self, letter, low=0, high=None):
        self.form = struct.Struct("<" + letter)
        self.low = low
        self.high = 2 ** (8 * self.form.size) - 1 if high is None else high

    def write(self, value, _record=None):
        return self.form.pack(value)

    def read(self, reader, _fields=None):
        value = self.form.unpack(reader.take(self.form.size))[0]
        if not self.low <= value <= self.high:
            raise Invalid("range")
        return value

    def check(self, value):
        if not self.low <= value <= self.high:
            raise Invalid("range")


def u8(low=0, high=None):
    return Integer("B", low, high)


def u16(low=0, high=None):
    return Integer("H", low, high)


def u32(low=0, high=None):
    return Integer("I", low, high)


def u64(low=0, high=None):
    return Integer("Q", low, high)


class Fixed:
    """Bytes of one length: addresses and hashes."""

    def __init__(self, size=32):
        self.size = size

    def write(self, value, _record=None):
        assert len(value) == self.size
        return value

    def read(self, reader, _fields=None):
        return reader.take(self.size)

    def check(self, _value):
        pass


class FieldElement(Fixed):
    """32 bytes, canonical."""

    def read(self, reader, _fields=None):
        value = reader.take(32)
        self.check(value)
        return value

    def check(self, value):
        if int.from_bytes(value, "little") >= FIELD:
            raise Invalid("value")


class Blob:
    """A count of bytes, and the bytes."""

    def __init__(self, high):
        self.count, self.high = u16(0, high), high

    def write(self, value, _record=None):
        return self.count.write(len(value)) + value

    def read(self, reader, _fields=None):
        return reader.take(self.count.read(reader))

    def check(self, value):
        self.count.check(len(value))


class Sequence:
    """A count of items, and the items; `ascending`: each above the one before."""

    def __init__(self, item, count, ascending=False):
        self.item, self.count, self.ascending = item, count, ascending

    def write(self, value, _record=None):
        return self.count.write(len(value)) + b"".join(map(self.item.write, value))

    def read(self, reader, _fields=None):
        items = tuple(self.item.read(reader) for _ in range(self.count.read(reader)))
        self.check(items)
        return items

    def check(self, value):
        self.count.check(len(value))
        for item in value:
            self.item.check(item)
        if self.ascending and any(a >= b for a, b in zip(value, value[1:])):
            raise Invalid("order")


class Option:
    """u8 0 for None, or u8 1 and the item."""

    def __init__(self, item):
        self.item, self.there = item, u8(0, 1)

    def write(self, value, _record=None):
        return b"\0" if value is None else b"\1" + self.item.write(value)

    def read(self, reader, _fields=None):
        return self.item.read(reader) if self.there.read(reader) else None

    def check(self, value):
        if value is not None:
            self.item.check(value)


class IfDirect:
    """The operator of a direct Request: 32 bytes if flag 2 is set, else nothing."""

    def write(self, value, record):
        flags = record["flags"] if isinstance(record, dict) else record.flags
        assert (value is not None) == bool(flags & 2)
        return value or b""

    def read(self, reader, fields):
        return reader.take(32) if fields["flags"] & 2 else None

    def check(self, _value):
        pass


class Record:
    """Named fields in the order of their bytes; a subclass says which."""

    FIELDS = ()

    def __init__(self, *values, **named):
        for (name, _), value in zip(self.FIELDS, values):
            setattr(self, name, value)
        self.__dict__.update(named)

    def replace(self, **changes):
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.update(changes)
        return new

    def __eq__(self, other):
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __repr__(self):
        return f"{type(self).__name__}({self.__dict__})"

    def encode(self):
        fields = self.__dict__
        return b"".join([codec.write(fields[name], self) for name, codec in self.FIELDS])

    @classmethod
    def decode(cls, data):
        reader = Reader(data)
        record = cls.read(reader)
        reader.end()
        return record

    # A record is a codec too, for its own kind.

    @staticmethod
    def write(value, _record=None):
        return value.encode()

    @classmethod
    def read(cls, reader, _fields=None):
        fields = {}
        for name, codec in cls.FIELDS:
            fields[name] = codec.read(reader, fields)
        return cls(**fields)

    @staticmethod
    def check(value):
        for name, codec in value.FIELDS:
            codec.check(getattr(value, name))

    def plain(self):
        """The fields as a dictionary, records inside too."""
        return {name: plain(getattr(self, name)) for name, _ in self.FIELDS}


def plain(value):
    if isinstance(value, Record):
        return value.plain()
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


ADDRESS = HASH = Fixed()
