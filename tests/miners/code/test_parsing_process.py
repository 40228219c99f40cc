"""The child that parses dies, hangs and runs out of memory: each costs one file, and the same functions come back."""

import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import pytest

from miners.code.mine import CodeConfig, mine_repository
from miners.code.parsing_batch import ParseFailure, ParsingHere, Source
from miners.code.parsing_process import ParsingProcess
from miners.code.repository_folder import FolderRepository
from schemas.ledger import Ledger
from schemas.pair import Pair
from tests.hostile.sources import sample_of

STDLIB = Path(sysconfig.get_path("stdlib"))
GOOD = b'def add(a, b):\n    """Adds two numbers up, caf\xc3\xa9."""\n    return a + b\n'
LONGER = GOOD.replace(b"return", b"c = a\n    return")
BIG = b"x = [" + b"[1, 2, 3, 4, 5, 6, 7, 8, 9],\n" * 30_000 + b"]\n"
"""Nine tenths of a megabyte whose tree takes some 60 MB."""


def python(data):
    return Source(data, "python", "a.py")


@pytest.fixture
def parsing():
    process = ParsingProcess()
    yield process
    process.close()


def test_the_child_loads_nothing_that_only_rows_need():
    code = "import sys, miners.code.parsing_child; print(*sorted({'pyarrow', 'numpy', 'pandas'} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_the_same_functions_as_in_this_process(parsing):
    sources = [python(path.read_bytes()) for path in sorted((STDLIB / "email").glob("*.py"))]
    sources += [Source(b"// Adds.\nfunc Add() {}\n", "go", "a.go"), python(b"\xff"), python(b"")]
    assert list(parsing.parse(sources)) == list(ParsingHere().parse(sources))
    pid = parsing.pid
    assert list(parsing.parse([])) == []
    (found,) = parsing.parse([python(GOOD)])
    assert found[0].docstring == "Adds two numbers up, café."
    assert parsing.pid == pid


def test_a_child_that_someone_kills_costs_nothing(parsing):
    list(parsing.parse([python(GOOD)]))
    first = parsing.pid
    os.kill(first, signal.SIGKILL)
    results = list(parsing.parse([python(GOOD)] * 3))
    assert [len(found) for found in results] == [1, 1, 1]
    assert parsing.pid != first


def limit(parsing, memory):
    """Give the running child less memory than a large file's tree takes."""
    resource = pytest.importorskip("resource")
    size = int(Path(f"/proc/{parsing.pid}/statm").read_text().split()[0]) * resource.getpagesize()
    parsing.close()
    return ParsingProcess(memory=size + memory)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the child's memory from /proc")
def test_a_file_that_kills_the_child_is_lost_alone(parsing, tmp_path):
    """tree-sitter aborts the process when it gets no memory: a real crash, by a signal, inside the parser."""
    list(parsing.parse([python(GOOD)]))
    small = limit(parsing, 20 << 20)
    for i in range(6):
        (tmp_path / f"m{i}.py").write_bytes(
            BIG + GOOD if i in (2, 3) else GOOD.replace(b"return", b"x = 1\n    return")
        )
    ledger = Ledger("mine-code")
    items = list(mine_repository(FolderRepository(str(tmp_path)), "uri", CodeConfig(), ledger, small))
    small.close()
    ledger.check()
    assert sorted(item.provenance.path for item in items if isinstance(item, Pair)) == [
        "m0.py",
        "m1.py",
        "m4.py",
        "m5.py",
    ]
    assert ledger.stages["file"].failed == {"parser_crash": 2}
    assert [failure["where"] for failure in ledger.failures] == ["uri:m2.py", "uri:m3.py"]
    assert "ended by" in ledger.failures[0]["why"] or "MemoryError" in ledger.failures[0]["why"]


def test_a_child_that_hangs_is_killed():
    parsing = ParsingProcess(seconds=0.1)
    list(parsing.parse([python(GOOD)]))
    first = parsing.pid
    os.kill(first, signal.SIGSTOP)
    begun = time.monotonic()
    results = list(parsing.parse([python(GOOD), python(GOOD)]))
    assert isinstance(results[0], ParseFailure) and results[0].reason == "parse_timeout"
    assert len(results[1]) == 1
    assert parsing.pid != first
    assert time.monotonic() - begun < 60
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    parsing.close()


def test_a_parse_beyond_its_deadline_ends_the_child_that_holds_what_it_did_not_finish():
    parsing = ParsingProcess(seconds=0.1)
    list(parsing.parse([python(GOOD)]))
    first = parsing.pid
    slow, after = parsing.parse([python(BIG * 10), python(GOOD)])
    assert slow.reason == "parse_timeout"
    assert len(after) == 1
    assert parsing.pid != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    parsing.close()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the child's memory from /proc")
def test_files_behind_those_that_take_the_memory_are_parsed():
    """Lua's grammar takes some 50 MB a second over such brackets, and does not end: three would fill one child."""
    sample = sample_of("lua")[1]
    before, directive, after = sample.partition(b"function directive")
    brackets = before + b"#{" * 20_000 + b"}" * 20_000 + b"\n" + directive + after
    parsing = ParsingProcess(seconds=2, memory=300 << 20)
    *hard, small = parsing.parse([Source(brackets, "lua", "a.lua")] * 3 + [Source(sample, "lua", "b.lua")])
    assert [one.reason for one in hard] == ["parse_timeout"] * 3
    assert len(small) > 5
    assert int(Path(f"/proc/{parsing.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") < 100 << 20
    parsing.close()


def test_a_batch_that_nobody_reads_to_its_end(parsing):
    answers = parsing.parse([python(GOOD), python(b"def other():\n    pass\n")])
    next(answers)
    answers.close()
    (found,) = parsing.parse([python(b"def third():\n    pass\n")])
    assert found[0].symbol == "third"


def test_messages_larger_than_a_pipe_do_not_block(parsing):
    many = b"".join(b'def f%d():\n    """%s"""\n' % (i, b"word " * 50) for i in range(2000))
    results = list(parsing.parse([python(many)] * 8))
    assert [len(found) for found in results] == [2000] * 8


def test_threads_may_each_have_one():
    def work(i):
        parsing = ParsingProcess()
        counts[i] = [len(found) for found in parsing.parse([python(GOOD * (i + 1))] * 5)]
        parsing.close()

    counts = {}
    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {0: [1] * 5, 1: [2] * 5}


def test_modules_of_the_working_folder_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / "yaml.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    parsing = ParsingProcess()
    (found,) = parsing.parse([python(GOOD)])
    assert len(found) == 1
    parsing.close()


def test_a_child_that_cannot_start(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    parsing = ParsingProcess()
    with pytest.raises(RuntimeError, match="does not start"):
        list(parsing.parse([python(GOOD)]))
