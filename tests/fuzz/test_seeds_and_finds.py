"""The fuzzers' seeds, and every input that once broke a reader, through their targets; and targets can fail."""

from pathlib import Path

import pytest

from miners.web.record_reader import Damage
from tests.fuzz.make_seeds import archives, bodies, crawls
from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent
INPUTS = sorted(path for folder in ("seeds", "found") for path in (HERE / folder).glob("*/*"))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(HERE)))
def test_what_the_fuzzers_begin_with_and_what_they_found(path):
    TARGETS[path.parent.name](path.read_bytes())


def test_the_seeds_are_those_that_are_written_anew():
    made = {"record_reader": crawls(), "http_body": bodies(), "archive": archives()}
    assert made.keys() == TARGETS.keys()
    for target, inputs in made.items():
        assert {path.name for path in (HERE / "seeds" / target).iterdir()} == inputs.keys()


def only_the_second_half(file, start=0, end=None, **_):
    return iter([] if end else [Damage("truncated", start, "made up", 1)])


@pytest.mark.parametrize(
    ("target", "name", "instead"),
    [
        ("record_reader", "read_records", only_the_second_half),
        ("http_body", "decode_body", lambda response, most: bytes(most + 1)),
        ("archive", "safe_path", lambda name: "other"),
    ],
)
def test_a_reader_that_breaks_its_promise_is_a_find(target, name, instead, monkeypatch):
    monkeypatch.setattr(f"tests.fuzz.targets.{name}", instead)
    with pytest.raises(AssertionError):
        for path in (HERE / "seeds" / target).iterdir():
            TARGETS[target](path.read_bytes())
