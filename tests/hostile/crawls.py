"""Damaged crawl files: between two sound records, some that are harmed before or after they are compressed."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import brotli
from backports import zstd

from tests.hostile.mutator import BYTES, TEXT, HostileFile, mutate
from tests.hostile.records import CHUNKED, ENCODED, PACKS, chunked, page, raw_deflate, record

FIRST, LAST = "http://first{}.example.org/", "http://last{}.example.org/"
PLAIN = ".warc"
MOST_REAL_BYTES = 200_000
NESTED = b"<div>" * 3000 + b"deep"


def victims() -> dict[str, Callable[[int], bytes]]:
    """Records to be harmed, by name; each is given a number that makes its text its own."""
    bomb = b"<html>" + bytes(9 << 20)
    bombs = {"gzip": gzip.compress(bomb, mtime=0), "br": brotli.compress(bomb, quality=1), "zstd": zstd.compress(bomb)}
    return {
        "page": record,
        "bare": lambda n: record(n, newline=b"\n"),
        "wet": lambda n: record(
            n, b"A line.\n" * 40, "", kind="conversion", status="", warc="Content-Type: text/plain"
        ),
        "chunked": lambda n: record(n, chunked(page(n)), CHUNKED),
        "chunk_lies": lambda n: record(n, chunked(page(n)).replace(b"64\r\n", b"%x\r\n" % (n * 7919), 1), CHUNKED),
        "gzip": lambda n: record(n, gzip.compress(page(n), mtime=0), ENCODED.format("gzip")),
        "deflate": lambda n: record(n, zlib.compress(page(n)), ENCODED.format("deflate")),
        "raw_deflate": lambda n: record(n, raw_deflate(page(n)), ENCODED.format("deflate")),
        "brotli": lambda n: record(n, brotli.compress(page(n)), ENCODED.format("br")),
        "zstd": lambda n: record(n, zstd.compress(page(n)), ENCODED.format("zstd")),
        "stacked": lambda n: record(n, chunked(zstd.compress(page(n))), CHUNKED + "\r\nContent-Encoding: zstd"),
        "bomb": lambda n: record(n, bombs[name := sorted(bombs)[n % 3]], ENCODED.format(name)),
        "lying_length": lambda n: record(n, claimed=n * 37 % 5000),
        "huge_length": lambda n: record(n, claimed=10 ** (n % 25)),
        "nested_markup": lambda n: record(n, NESTED + page(n)),
        "archive_inside": lambda n: record(n, gzip.compress(record(n), mtime=0), "Content-Type: application/gzip"),
        "records_inside": lambda n: record(n, record(n) + record(n, claimed=5)),
        "odd_address": lambda n: record(n, uri="http://[::{}/\ud800\0é".encode("utf-8", "replace").decode()),
        "odd_charset": lambda n: record(n, page(n).decode().encode("utf-16"), "Content-Type: text/html; charset=utf-7"),
        "long_head": lambda n: record(n, warc="X: " + "y" * (n * 997 % 200_000)),
        "status": lambda n: record(n, status=f"HTTP/{n % 7} {n * 31 % 1200} \x00"),
    }


VICTIMS = victims()


def hostile_crawls(count: int, begin: int = 0) -> Iterator[HostileFile]:
    """So many files of records written by hand; `FIRST` and `LAST` of the seed are the addresses of the sound ones."""
    for seed in range(begin, begin + count):
        rng = random.Random(f"crawl {seed}")
        suffix = rng.choice((PLAIN, PLAIN, ".warc.gz", ".warc.gz", ".warc.zst", ".warc.lz4"))
        names = rng.choices(sorted(VICTIMS), k=rng.randint(1, 4))
        is_harmed_after = suffix != PLAIN and rng.random() < 0.6
        done, middle = [], b""
        for number, name in enumerate(names):
            victim = VICTIMS[name](seed * 10 + number)
            if not is_harmed_after:
                harm, victim = mutate(victim, rng, TEXT)
                done.append(f"{name}.{harm}")
            middle += victim if suffix == PLAIN else PACKS[suffix](victim)
        if is_harmed_after:
            harm, middle = mutate(middle, rng, BYTES)
            done = [*names, harm]
        yield HostileFile(f"{seed:05d}-{'-'.join(done)}"[:180] + suffix, between_sound_records(middle, seed, suffix))


def between_sound_records(middle: bytes, seed: int, suffix: str) -> bytes:
    """The damaged part with a sound record before it and one behind; in a plain file a line end leads to that."""
    first, last = record(seed, uri=FIRST), record(seed + 1, uri=LAST.format(seed))
    if suffix == PLAIN:
        return first + middle + b"\r\n\r\n" + last
    return PACKS[suffix](first) + middle + PACKS[suffix](last)


def hostile_real_crawls(folder: Path, count: int) -> Iterator[HostileFile]:
    """So many files made of the real ones in a folder, whole or in part."""
    real = sorted(path for path in folder.iterdir() if path.is_file())
    for seed in range(count):
        rng = random.Random(f"real crawl {seed}")
        path = rng.choice(real)
        data = path.read_bytes()
        begin = rng.randrange(max(1, len(data) - MOST_REAL_BYTES)) if rng.random() < 0.3 else 0
        harm, data = mutate(data[begin : begin + MOST_REAL_BYTES], rng, BYTES if is_packed(data) else TEXT)
        suffix = next((known for known in PACKS if is_packed(data) and path.name.endswith(known[5:])), PLAIN)
        yield HostileFile(f"real-{seed:05d}-{harm}-{path.stem}"[:150] + suffix, data)


def is_packed(data: bytes) -> bool:
    """Whether the bytes begin as a compressed file does."""
    return data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"))


def write(files: Sequence[HostileFile] | Iterator[HostileFile], folder: Path) -> dict[str, bytes]:
    """The files into a folder; what was written by name."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for file in files:
        (folder / file.name).write_bytes(file.data)
        written[file.name] = file.data
    return written
