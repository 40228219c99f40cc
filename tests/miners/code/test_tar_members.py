"""Tars that are damaged, and tars made to keep Python's own reader busy for ever."""

from __future__ import annotations

import io
import tarfile
from tarfile import BLOCKSIZE

import pytest

from miners.code.repository_archive import ArchiveRepository
from miners.code.tar_members import MAX_EXTENSIONS, TarMembers

GOOD = b'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'
END = bytes(2 * BLOCKSIZE)


def member(name: str, data: bytes = GOOD, kind: bytes = tarfile.REGTYPE, size: int | None = None) -> bytes:
    """A header, and the data as it is; `size` is what the header says of it."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % BLOCKSIZE)


def pax(records: bytes) -> bytes:
    return member("x", records, tarfile.XHDTYPE)


def read(data: bytes) -> tuple[list[str], list[str]]:
    """The readable files' names, and the damage."""
    repository = ArchiveRepository(io.BytesIO(data), "r.tar")
    return [entry.path for entry in repository.entries if entry.refusal is None], repository.broken


@pytest.mark.parametrize("at", [0, 100, 124, 150, 156, 300])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_damaged_header_costs_its_own_member(at, which):
    members = [bytearray(member(f"{name}.py")) for name in "abc"]
    members[which][at] ^= 0x5A
    names, damage = read(b"".join(members) + END)
    assert names == [f"{name}.py" for i, name in enumerate("abc") if i != which]
    assert len(damage) == 1


def test_a_size_that_leads_past_the_end_costs_its_own_member():
    data = member("a.py") + member("lie.py", size=1 << 40) + member("b.py") + member("c.py") + END
    names, damage = read(data)
    assert names == ["a.py", "b.py", "c.py", "lie.py"]
    assert len(damage) == 1


def test_a_sound_tar_has_no_damage_and_one_without_its_end_mark_has():
    assert read(member("a.py") + END) == (["a.py"], [])
    names, damage = read(member("a.py") + member("nested.tar", member("inner.py") + END))
    assert names == ["a.py", "nested.tar"]
    assert len(damage) == 1


BINARY_NEGATIVE = b"\xff" * 10 + b"\xfe\x00"
"""-512 in the base-256 form of GNU tar."""


def with_size_field(header: bytes, field: bytes) -> bytes:
    block = bytearray(header)
    block[124:136] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:BLOCKSIZE])
    return bytes(block)


def made_for_harm() -> dict[str, bytes]:
    """Each turns `tarfile` of some Python 3.11 in circles, fills the memory, or raises what nobody expects."""
    records = b"".join(b"%d a%06d=\n" % (12, i) for i in range(1000))
    return {
        "a size below zero": with_size_field(member("b.py", b""), BINARY_NEGATIVE),
        "a size below zero in an extended header": pax(b"13 size=-512\n") + member("b.py"),
        "a size beyond every file": with_size_field(member("b.py", b""), b"\x80" + b"\xff" * 11),
        "digits without end": pax(b"11" * 400_000),
        "a value of digits": pax(b"800010 a=" + b"1" * 800_000 + b"\n") + member("b.py"),
        "records that overlap": pax(b"2 " * 400_000 + b"=") + member("b.py"),
        "lengths that lie": pax(records.replace(b"12 ", b"99 ")) + member("b.py"),
        "a record without a keyword": pax(b"6 ab\n\n") + member("b.py"),
        "extended headers for ever": pax(b"6 a=b\n") * 300,
        "long names for ever": member("x", b"name", tarfile.GNUTYPE_LONGNAME) * 300,
        "a map of a sparse file that ends": sparse_header(goes_on=True),
        "a sparse file of many pieces": pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n")
        + member("s.py", b"0\n" * 99),
    }


def sparse_header(goes_on: bool) -> bytes:
    block = bytearray(member("s.py", b"", tarfile.GNUTYPE_SPARSE))
    block[482] = goes_on
    return with_size_field(bytes(block), block[124:136])


@pytest.mark.parametrize("name", made_for_harm())
def test_what_is_made_for_harm_costs_itself(name):
    names, _ = read(member("a.py") + made_for_harm()[name] + member("z.py") + END)
    assert names[0] == "a.py"
    if name != "a map of a sparse file that ends":  # it goes on over what follows
        assert {"z.py", "name"} & set(names[1:])


def test_a_sparse_file_is_listed_and_not_read():
    repository = ArchiveRepository(io.BytesIO(sparse_header(goes_on=False) + member("z.py") + END), "r.tar")
    assert [entry.path for entry in repository.entries] == ["s.py", "z.py"]
    with pytest.raises(RuntimeError, match="sparse"):
        repository.read(repository.entries[0])


def test_as_many_extended_headers_as_real_archives_have():
    names, damage = read(pax(b"11 path=b.py\n".replace(b"11", b"13")) * (MAX_EXTENSIONS - 1) + member("a.py") + END)
    assert (names, damage) == (["b.py"], [])


def test_no_tar_at_all_is_an_error():
    with pytest.raises(tarfile.TarError):
        TarMembers(io.BytesIO(b"no tar at all" * 1000), [])
