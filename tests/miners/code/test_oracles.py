"""The miner against compilers: what their parsers said of the samples lies under `oracles/`, a file a grammar.

`python benchmarks/bench_code_fidelity.py --samples tests/miners/code/oracles` writes these files.
"""

import json
from pathlib import Path

import pytest

from miners.code import functions
from miners.code.language import LANGUAGES, grammar, grammar_names

FOLDER = Path(__file__).parent / "oracles"
KNOWN = [
    (language, name) for language in LANGUAGES for name in grammar_names(language) if (FOLDER / f"{name}.json").exists()
]
FIRST_CLASS = {"python", "javascript", "typescript", "tsx", "go", "java", "php", "ruby", "rust", "c", "cpp"}


def same_function(record, found):
    """The innermost function that holds the oracle's body, or the one of its name and line."""
    if "start" in record:
        holds = [f for f in found if f.start_byte <= record["start"] and record["end"] <= f.end_byte]
    else:
        line = record.get("name_line", record.get("start_line"))
        holds = [f for f in found if f.name == record["name"] and f.start_line <= line <= f.end_line]
    return min(holds, key=lambda f: f.end_byte - f.start_byte)


def lines(text):
    return [line.strip() for line in text.strip().split("\n")]


@pytest.mark.parametrize(("language", "name"), KNOWN)
def test_sample_has_what_the_compiler_sees(language, name):
    found = functions(grammar(language, name).sample, name)
    records = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    matched = [same_function(record, found) for record in records]
    assert len(set(matched)) == len(records) == len(found)
    for record, function in zip(records, matched, strict=True):
        if "raw" in record:
            assert record["raw"] == (function.docstring_raw if function.docstring else None)
        else:
            assert lines(record["doc"] or "") == lines(function.docstring or "")


def test_first_class_languages_have_an_oracle():
    assert {name for _, name in KNOWN} >= FIRST_CLASS
