"""Damaged archives of real source: tars of every dialect and packing, zips, and what lies inside them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from tarfile import BLOCKSIZE

from miners.code.language import LANGUAGES
from tests.hostile.mutator import BYTES, HostileFile, Mutation, mutate
from tests.hostile.sources import sample_of

Members = list[tuple[str, bytes]]
FIRST, LAST = "a_first.py", "z_last.py"
SOUND = b'''def grind(grain, stones):
    """Grinds the grain between the stones of the mill."""
    flour = grain * stones
    return flour
'''
PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": lambda tar: gzip.compress(tar, mtime=0),
    ".tgz": lambda tar: gzip.compress(tar, 1, mtime=0),
    ".crate": lambda tar: gzip.compress(tar, mtime=0),
    ".tar.bz2": bz2.compress,
    ".tar.xz": lambda tar: lzma.compress(tar, preset=0),
}
ZIPS = {".zip": zipfile.ZIP_DEFLATED, ".whl": zipfile.ZIP_STORED, ".jar": zipfile.ZIP_DEFLATED}
NAMES = (
    *("../../out.py", "/etc/out.py", "C:\\out.py", "..\\out.py", "a/../../out.py", "with\0nul.py", "", ".", "a//b.py"),
    *("d/" * 300 + "deep.py", "long" * 1200 + ".py", "\u00e9\u202egpj.py", "\udce9.py", "\n.py", "-rf.py", "~/x.py"),
    *("setup.py/", "LICENSE", "r/r/r.py", "nested.tar.gz", "nested.zip", "PKG-INFO", "package.json"),
)
END_MARK = bytes(2 * BLOCKSIZE)
TYPES = b"0123456789ABDEFGIKLMNSVXgx\0\xff"
FIELDS = {"name": (0, 100), "size": (124, 136), "type": (156, 157), "link": (157, 257), "magic": (257, 265)}
FIELD_VALUES = (b"\xff" * 12, b"\x80" + b"\0" * 11, b"77777777777\0", b"-0000000001\0", b"            ", b"\0" * 12)


def hostile_members(rng: random.Random, seed: int) -> Members:
    """A few files of source, real ones and harmed ones, under real and under hostile names."""
    members = []
    for number in range(rng.randint(2, 6)):
        language = rng.choice(LANGUAGES)
        suffix, source = sample_of(language)
        name = rng.choice(NAMES) if rng.random() < 0.4 else f"src/m{number}{suffix}"
        if rng.random() < 0.3:
            _, source = mutate(source, rng, BYTES)
        if name.startswith("nested"):
            source = PACKED[".tar.gz"](tar_of([("inner.py", SOUND)], seed))
        if name in ("PKG-INFO", "package.json"):
            source = rng.choice((b"Name: x\nVersion: " + b"1" * 5000, b"[" * 9000, b'{"name": {"a": []}}', b"\xff\xfe"))
        members.append((name, source))
    return members


def tar_of(members: Members, seed: int, end: bytes = END_MARK) -> bytes:
    """An uncompressed tar, in one of its three dialects."""
    buffer = io.BytesIO()
    form = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[seed % 3]
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            try:
                tar.addfile(info, io.BytesIO(data))
            except ValueError:  # a name that this dialect cannot spell
                info.name = "short.py"
                tar.addfile(info, io.BytesIO(data))
        written = tar.offset
    return buffer.getvalue()[:written] + end


def zip_of(members: Members, method: int) -> bytes:
    """A zip, its last hostile member a link."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        for number, (name, data) in enumerate(members):
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()
            info.external_attr = (stat.S_IFLNK if number % 9 == 5 else stat.S_IFREG) << 16
            packed.writestr(info, data, method)
    return buffer.getvalue()


def lie_in_a_header(tar: bytes, rng: random.Random) -> bytes:
    """A header says something else, with the right checksum."""
    starts = [i for i in range(0, len(tar), BLOCKSIZE) if tar[i + 257 : i + 262] == b"ustar"]
    if not starts:
        return tar
    at = rng.choice(starts)
    block = bytearray(tar[at : at + BLOCKSIZE])
    begin, end = FIELDS[rng.choice(sorted(FIELDS))]
    value = rng.choice((*FIELD_VALUES, b"%011o\0" % rng.randrange(1 << 14), bytes([rng.choice(TYPES)])))
    block[begin:end] = value[: end - begin].ljust(end - begin, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(struct.unpack("512B", block))
    return tar[:at] + bytes(block) + tar[at + BLOCKSIZE :]


def move_blocks(tar: bytes, rng: random.Random) -> bytes:
    """Blocks are lost, doubled, or in another order."""
    blocks = [tar[i : i + BLOCKSIZE] for i in range(0, len(tar), BLOCKSIZE)]
    at = rng.randrange(len(blocks))
    few = [rng.randrange(len(blocks)) for _ in range(rng.randint(0, 4))]
    return b"".join([*blocks[:at], *(blocks[i] for i in few), *blocks[at + rng.randint(0, 2) :]])


def lie_in_a_directory(packed: bytes, rng: random.Random) -> bytes:
    """A field of a zip's local or central header, or of its end, says something else."""
    found = [match.start() for match in re.finditer(b"PK(?:\x01\x02|\x03\x04|\x05\x06)", packed)]
    if not found:
        return packed
    at = rng.choice(found) + rng.randrange(4, 46)
    width = rng.choice((1, 2, 4))
    value = rng.choice((b"\xff" * 4, bytes(4), rng.randbytes(4), b"\x01\0\0\0", b"\0\0\1\0"))
    return packed[:at] + value[:width] + packed[at + width :]


TAR: Mapping[str, Mutation] = {**BYTES, "lie_in_a_header": lie_in_a_header, "move_blocks": move_blocks}
ZIP: Mapping[str, Mutation] = {**BYTES, "lie_in_a_directory": lie_in_a_directory}


def hostile_archives(count: int, begin: int = 0) -> Iterator[HostileFile]:
    """So many archives. `confined` in a name: the harm lies between two sound files, `FIRST` and `LAST`."""
    for seed in range(begin, begin + count):
        rng = random.Random(f"archive {seed}")
        members = hostile_members(rng, seed)
        kind = rng.choice(("confined", "tar", "packed", "zip", "zip"))
        if kind == "confined":
            suffix = rng.choice(sorted(PACKED))
            harm, data = "confined", PACKED[suffix](confined(members, rng, seed))
        elif kind == "zip":
            suffix = rng.choice(sorted(ZIPS))
            harm, data = mutate(zip_of(members, ZIPS[suffix]), rng, ZIP)
        else:
            suffix = ".tar" if kind == "tar" else rng.choice(sorted(PACKED))
            harm, data = mutate(tar_of(members, seed), rng, TAR if kind == "tar" else {"whole": lambda tar, _: tar})
            data = PACKED[suffix](data)
            if kind == "packed":
                harm, data = mutate(data, rng, BYTES)
        yield HostileFile(f"{seed:05d}-{harm}{suffix}", data)


def confined(members: Members, rng: random.Random, seed: int) -> bytes:
    """A tar whose first and last files are sound, and whose headers in between are zeroed, flipped, or gone."""
    first, last = (tar_of([(name, SOUND)], seed, b"") for name in (FIRST, LAST))
    middle = bytearray(tar_of(members, seed, b""))
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(0, len(middle), BLOCKSIZE)
        if middle[at + 257 : at + 262] == b"ustar" and rng.random() < 0.3:
            del middle[at : at + BLOCKSIZE]
        else:
            middle[at + rng.randrange(148, 156)] ^= 0xFF
    return first + bytes(middle) + last + END_MARK
