"""Damaged source files of every language, made of the samples that each language's folder brings."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cache

import yaml

from miners.code import language as languages
from miners.code.language import LANGUAGES
from tests.hostile.mutator import TEXT, HostileFile, Mutation, mutate

SOUND = "sound"
"""The name, without its suffix, of the file of each language to which nothing was done."""


@cache
def sample_of(language: str) -> tuple[str, bytes]:
    """A language's first file extension and its sample."""
    folder = languages._FOLDER / language
    grammar = yaml.safe_load((folder / "language.yaml").read_text(encoding="utf-8"))["grammars"][0]
    return grammar["extensions"][0], (folder / grammar["sample"]).read_bytes()


def nest(data: bytes, rng: random.Random) -> bytes:
    """Brackets within brackets, closed or not."""
    opened, closed = rng.choice(((b"(", b")"), (b"[", b"]"), (b"{", b"}"), (b"f(", b")"), (b"<", b">"), (b"#{", b"}")))
    depth = rng.choice((50, 1000, 20_000))
    at = line_start(data, rng)
    return data[:at] + opened * depth + closed * rng.choice((0, depth - 1, depth)) + b"\n" + data[at:]


def repeat_whole(data: bytes, rng: random.Random) -> bytes:
    """Very many functions."""
    return data * rng.choice((2, 10, 100))


def change_line_ends(data: bytes, rng: random.Random) -> bytes:
    """Carriage returns alone, both, or a mix."""
    ends = rng.choice(((b"\r",), (b"\r\n",), (b"\n", b"\r", b"\r\n", b"\x0c\n", "\u2028".encode())))
    return b"".join(line + rng.choice(ends) for line in data.split(b"\n"))


def change_encoding(data: bytes, rng: random.Random) -> bytes:
    """Another encoding, for all of it or for a few letters, or a byte order mark that lies."""
    text = data.decode("utf-8", "replace")
    way = rng.randrange(4)
    if way == 0:
        return text.encode(rng.choice(("utf-16", "utf-32", "utf-7")), "replace")
    if way == 1:
        return data.replace(b"e", rng.choice((b"\xe9", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8\x88\x80\x80\x80")), 5)
    if way == 2:
        return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) + data
    return text.replace(" ", rng.choice(("\u00a0", "\u200b", "\u202e", "\ufeff", "e\u0301" * 40))).encode()


def open_quote(data: bytes, rng: random.Random) -> bytes:
    """A string or a comment that never ends."""
    quotes = (b'"""', b"'", b'"', b"`", b"/*", b"/**", b"=begin\n", b"#=", b"--[[", b"<<EOT\n", b'r#"', b"//", b"${")
    at = line_start(data, rng)
    return data[:at] + rng.choice(quotes) * rng.choice((1, 3, 2000)) + data[at:]


def late_nul(data: bytes, rng: random.Random) -> bytes:
    """A NUL behind the place up to which binary files are told."""
    return data + b"\n" * 9000 + b"\0" + data


def long_documentation(data: bytes, rng: random.Random) -> bytes:
    """Words put into whatever documents."""
    return data.replace(b"a ", rng.choice((b"@param ", b"<b>", b"https://a.b/c ", b"TODO ", b"a\n")) * 3000, 2)


OWN = (nest, repeat_whole, change_line_ends, change_encoding, open_quote, late_nul, long_documentation)
SOURCE: Mapping[str, Mutation] = {**TEXT, **{one.__name__: one for one in OWN}}


def line_start(data: bytes, rng: random.Random) -> int:
    """Where some line begins."""
    return data.rfind(b"\n", 0, rng.randrange(len(data) + 1)) + 1


def hostile_sources(count: int, begin: int = 0) -> Iterator[HostileFile]:
    """So many files, in turn of every language; a third is spliced from two languages first."""
    for seed in range(begin, begin + count):
        rng = random.Random(f"source {seed}")
        suffix, data = sample_of(LANGUAGES[seed % len(LANGUAGES)])
        if rng.random() < 0.3:
            _, other = sample_of(rng.choice(LANGUAGES))
            at = rng.randrange(len(data))
            data = data[:at] + other[rng.randrange(len(other)) :] + data[at:]
        harm, data = mutate(data, rng, SOURCE)
        yield HostileFile(f"{seed:05d}-{harm}{suffix}", data)
