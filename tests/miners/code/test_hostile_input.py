"""What a hostile repository may hold, parsed in a child process: each file costs itself, the ledger is exact."""

import io
import os
import sysconfig
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miners.code.language import grammar, grammar_names
from miners.code.mine import CodeConfig, mine_repository
from miners.code.parsing_process import ParsingProcess
from miners.code.repository import MAX_FILE_BYTES, About, Entry
from miners.code.repository_archive import ArchiveRepository
from miners.code.repository_folder import FolderRepository
from schemas.ledger import Ledger
from schemas.pair import Pair
from schemas.rejects import Reject

GOOD = b'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'
DEEP = 100_000
HOSTILE = {
    "good.py": GOOD,
    "after/good.py": GOOD,
    "deep.py": b"x = " + b"(" * DEEP + b")" * DEEP + b"\n",
    "deep_open.py": b"[" * DEEP + b"\n",
    "deep.js": b"a(" * DEEP + b"\n",
    "deep_functions.js": b"function f(){" * 20_000 + b"}" * 20_000 + b"\n",
    "deep.ts": b"type T = " + b"Array<" * 50_000 + b"\n",
    "deep.go": b"package a\nvar x = " + b"func() {" * 20_000 + b"\n",
    "deep_blocks.py": b"".join(b" " * i + b"if 1:\n" for i in range(1000)) + b" " * 1000 + b"pass\n",
    "minified.js": b"var a=function(b){return b+1};" * 10_000,
    "one_line.py": b"x = 1; " * 100_000 + b"\n",
    "binary.py": bytes(range(256)) * 100,
    "latin1.py": b"# caf\xe9\n" + GOOD,
    "utf16.py": "x = 1\n".encode("utf-16"),
    "cr.py": GOOD.replace(b"\n", b"\r"),
    "bom.py": b"\xef\xbb\xbf" + GOOD,
    "nul.py": GOOD + b"\0" * 10,
    "late_nul.py": GOOD * 200 + b"\0\n",
    "empty.py": b"",
    "blank.py": b" \n\t\n",
    "large.py": b"x = 1\n" * (MAX_FILE_BYTES // 6 + 1),
    "surrogates.py": b'x = "\xed\xa0\x80"\n' + GOOD,
    "quotes.py": b'def f():\n    """' + b'\\"' * 50_000 + b"\n",
    "errors.py": b"def f(:\n    '''Has a doc.'''\n" * 2000,
    "commas.go": b"package a\n" + b",,,,,,,,\n" * 20_000,
    "names.py": b"def " + b"f" * 500_000 + b'():\n    """A very long name."""\n    return 1\n',
}


@pytest.fixture(scope="module")
def parsing():
    process = ParsingProcess(seconds=5)
    yield process
    process.close()


def mine(repository, parsing, **config):
    """Pairs and the ledger, which must account for every entry, and for damage."""
    ledger = Ledger("mine-code")
    items = list(mine_repository(repository, "uri", CodeConfig(keep_rejects=True, **config), ledger, parsing))
    repository.close()
    ledger.check()
    pairs = [item for item in items if isinstance(item, Pair)]
    assert ledger.kept_last() == len(pairs)
    assert ledger.stages["file"].read == len(repository.entries) + len(repository.broken)
    for stage in ("file", "function", "pair"):
        lost = Counter(item.reason for item in items if isinstance(item, Reject) and item.stage == stage)
        counted = ledger.stages[stage]
        assert lost == Counter(counted.dropped) + Counter(counted.failed)
    return pairs, ledger.stages["file"]


def tar_of(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def outcome(pairs, files):
    return sorted(pair.provenance.path for pair in pairs), files.dropped, files.failed


def test_the_same_of_a_folder_a_tar_and_a_zip(parsing, tmp_path):
    root = tmp_path / "r"
    for name, data in HOSTILE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    folder = outcome(*mine(FolderRepository(str(root)), parsing))
    assert outcome(*mine(ArchiveRepository(io.BytesIO(tar_of(HOSTILE)), "r.tar.gz"), parsing)) == folder
    assert outcome(*mine(ArchiveRepository(io.BytesIO(zip_of(HOSTILE)), "r.zip"), parsing)) == folder
    paths, dropped, failed = folder
    assert {"good.py", "after/good.py", "cr.py", "bom.py"} <= set(paths)
    assert dropped["empty"] == 2 and dropped["too_large"] == 1 and dropped["binary"] >= 3
    assert failed["not_utf8"] >= 2


def test_links_that_turn_in_circles_and_a_file_of_200_mb(parsing, tmp_path):
    root = tmp_path / "r"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "good.py").write_bytes(GOOD)
    (root / "a" / "b" / "up").symlink_to(root / "a")
    (root / "self.py").symlink_to(root / "self.py")
    (root / "root").symlink_to("/")
    with open(root / "huge.py", "wb") as file:
        file.truncate(200_000_000)
    os.mkfifo(root / "pipe.py")
    pairs, files = mine(FolderRepository(str(root)), parsing)
    assert [pair.provenance.path for pair in pairs] == ["a/good.py"]
    assert files.dropped == {"link": 3, "too_large": 1, "not_a_file": 1}


def test_archives_that_are_bombs(parsing, tmp_path, monkeypatch):
    """A member of 200 MB, names that lead out, a zip in a zip; nothing is written beside the archive."""
    members = {
        "r/good.py": GOOD,
        "r/huge.py": b"\0" * 200_000_000,
        "../out.py": GOOD,
        "/etc/out.py": GOOD,
        "r/../../out.py": GOOD,
        "r/inner.zip": zip_of({"b.py": GOOD}),
    }
    monkeypatch.chdir(tmp_path)
    for data, name in ((tar_of(members), "r.tar.gz"), (zip_of(members), "r.zip")):
        pairs, files = mine(ArchiveRepository(io.BytesIO(data), name), parsing)
        assert len(pairs) == 1
        assert files.dropped == {"unsafe_name": 3, "too_large": 1, "unknown_language": 1}
    assert not list(tmp_path.iterdir())


class Listed:
    """A repository of given files."""

    def __init__(self, files):
        self.about = About("r")
        self.entries = [Entry(name, len(data), None, data) for name, data in sorted(files.items())]
        self.broken = []

    def read(self, entry):
        return entry.key

    def close(self):
        pass


SAMPLES = [
    (suffix, grammar(language, name).sample)
    for language, suffix in (("python", ".py"), ("javascript", ".js"), ("typescript", ".ts"), ("go", ".go"))
    for name in grammar_names(language)[:1]
]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(SAMPLES), st.binary(max_size=40), st.integers(0, 2000)), max_size=8))
def test_sources_with_bytes_put_in(parsing, damages):
    """Whatever stands in the middle of a real source, every file and function is accounted for."""
    files = {
        f"m{i}{suffix}": sample[: at % (len(sample) + 1)] + put + sample[at % (len(sample) + 1) :]
        for i, ((suffix, sample), put, at) in enumerate(damages)
    }
    mine(Listed(files), parsing, filters=None)


def test_every_stored_span_slices_to_the_stored_code_over_the_standard_library(parsing):
    """The function without its documentation is its span of the file without the documentation's bytes."""
    root = Path(sysconfig.get_path("stdlib"))
    files = {path.name: path.read_bytes() for path in sorted(root.glob("[a-d]*.py"))}
    pairs, _ = mine(Listed(files), parsing, filters=None, secrets="keep")
    assert len(pairs) > 500
    for pair in pairs:
        place = pair.provenance
        span = files[place.path][place.start_byte : place.end_byte].decode()
        head, found, tail = span.partition(place.docstring_raw)
        assert found
        assert pair.positive.startswith(head.rstrip()) and pair.positive.endswith(tail.strip())
        line = files[place.path][: place.start_byte].count(b"\n") + 1
        assert line <= place.start_line <= place.end_line
