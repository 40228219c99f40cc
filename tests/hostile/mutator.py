"""Damage to bytes by a seeded choice: the same seed gives the same bytes, and stands in the file's name."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Mutation = Callable[[bytes, random.Random], bytes]
NUMBERS = (b"0", b"-1", b"1", b"99", b"2147483648", b"18446744073709551616", b"1e9", b"0x10", b" 7 7", b"\xd9\xa3", b"")
"""What stands where a number stood."""
JUNK = (
    *(b"\0", b"\xff", b"\n", b"\r", b"\r\n\r\n", b"\x1f\x8b\x08", b"PK\x03\x04", b"WARC/1.0\r\n", b"\xef\xbb\xbf"),
    *(b"\xed\xa0\x80", b"\xfe\xff", "\u202e".encode(), "\u0000é".encode("utf-16-le"), b"<", b"../", b"%s%n"),
)
"""What is put in: nothing, line ends, magic numbers, byte order marks, half a surrogate, a change of direction."""


@dataclass(frozen=True)
class HostileFile:
    """A file with its name, which says what was done to what, and by which seed."""

    name: str
    data: bytes


def cut(data: bytes, rng: random.Random) -> bytes:
    """The end is missing."""
    return data[: rng.randrange(len(data) + 1)]


def behead(data: bytes, rng: random.Random) -> bytes:
    """The beginning is missing."""
    return data[rng.randrange(len(data) + 1) :]


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    """One to eight bits are wrong."""
    harmed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        harmed[rng.randrange(len(harmed))] ^= 1 << rng.randrange(8)
    return bytes(harmed)


def lose_span(data: bytes, rng: random.Random) -> bytes:
    """A part is missing."""
    begin, end = span(data, rng)
    return data[:begin] + data[end:]


def repeat_span(data: bytes, rng: random.Random) -> bytes:
    """A part comes again and again."""
    begin, end = span(data, rng)
    return data[:end] + data[begin:end] * rng.randint(1, 5) + data[end:]


def swap_spans(data: bytes, rng: random.Random) -> bytes:
    """Two parts have changed places."""
    a, b, c, d = sorted(rng.randrange(len(data) + 1) for _ in range(4))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def zero_span(data: bytes, rng: random.Random) -> bytes:
    """A part is overwritten with nothing, as by a disk that lost it."""
    begin, end = span(data, rng)
    return data[:begin] + bytes(end - begin) + data[end:]


def put_junk(data: bytes, rng: random.Random) -> bytes:
    """Something is put in, once or many times in a row."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(JUNK) * rng.choice((1, 1, 1, 50, 5000)) + data[at:]


def lie_about_a_number(data: bytes, rng: random.Random) -> bytes:
    """One of the first numbers says something else."""
    found = list(re.finditer(rb"\d+", data[:4096]))
    if not found:
        return flip_bits(data, rng)
    number = rng.choice(found)
    near = b"%d" % max(0, int(number[0][:15]) + rng.randint(-3, 3))
    return data[: number.start()] + rng.choice((*NUMBERS, near, near, near)) + data[number.end() :]


def shuffle_lines(data: bytes, rng: random.Random) -> bytes:
    """A few of the first lines are repeated, or in another order, or gone."""
    lines = data.splitlines(keepends=True)
    first = min(len(lines), 12)
    chosen = [rng.randrange(first) for _ in range(rng.randint(1, first + 3))] if first else []
    return b"".join([*(lines[i] for i in chosen), *lines[first:]])


def long_line(data: bytes, rng: random.Random) -> bytes:
    """A line without end."""
    at = rng.randrange(len(data) + 1)
    return (
        data[:at] + rng.choice((b"a", b"(", b"<b>", b"x: ", b"\t", b"\xc3\xa9")) * rng.choice((900, 70_000)) + data[at:]
    )


BYTES: Mapping[str, Mutation] = {
    one.__name__: one
    for one in (cut, behead, flip_bits, lose_span, repeat_span, swap_spans, zero_span, put_junk, long_line)
}
TEXT: Mapping[str, Mutation] = {**BYTES, "lie_about_a_number": lie_about_a_number, "shuffle_lines": shuffle_lines}


def span(data: bytes, rng: random.Random, most: int = 3000) -> tuple[int, int]:
    """The ends of a part of the bytes, which is not empty unless they are."""
    begin = rng.randrange(max(len(data), 1))
    return begin, min(len(data), begin + rng.randint(1, most))


def mutate(data: bytes, rng: random.Random, mutations: Mapping[str, Mutation], most: int = 3) -> tuple[str, bytes]:
    """One to `most` mutations, one after the other; their names with `+` between, and what they made."""
    names: Sequence[str] = rng.choices(sorted(mutations), k=rng.choice((1, 1, *range(1, most + 1))))
    for name in names:
        data = mutations[name](data, rng) if data else data
    return "+".join(names), data
