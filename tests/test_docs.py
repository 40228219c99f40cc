"""The documents agree with the code: every column, reason, command and link that they name is there."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from pairmill.cli import COMMANDS
from schemas.ledger import FAILURES, REASONS
from schemas.pair import DOCUMENTATION_TYPE, PROVENANCE_TYPE, SCHEMA, SIGNALS_TYPE

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PAIR_SET = (ROOT / "docs" / "pair-set.md").read_text(encoding="utf-8")


def documented(section):
    """{field: type as the page says it} of the first table below a heading."""
    table = PAIR_SET.split(f"\n{section}\n", 1)[1].split("|---|---|---|\n", 1)[1].split("\n\n", 1)[0]
    fields = {}
    for line in table.splitlines():
        names, kind = (cell.strip() for cell in line.split("|")[1:3])
        fields |= dict.fromkeys(re.findall(r"`(\w+)`", names), kind)
    return fields


def said(kind):
    """An Arrow type in the page's words."""
    if pa.types.is_dictionary(kind):
        return "names"
    if pa.types.is_struct(kind):
        return "struct"
    if pa.types.is_list(kind):
        inner = kind.value_type
        if pa.types.is_struct(inner):
            return "list of (" + ", ".join(f"`{field.name}` {said(field.type)}" for field in inner) + ")"
        return f"list of {said(inner)}"
    return {"float": "float32"}.get(str(kind), str(kind))


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        ("## Columns", SCHEMA),
        ("### `signals`", SIGNALS_TYPE),
        ("### `provenance`", PROVENANCE_TYPE),
        ("### `documentation`", DOCUMENTATION_TYPE),
    ],
)
def test_every_column_stands_in_the_page_with_its_type(section, fields):
    assert documented(section) == {field.name: said(field.type) for field in fields}


def test_every_reason_stands_in_the_page():
    lines = [line for line in PAIR_SET.splitlines() if re.match(r"\| [a-z-]+: ", line)]
    table = {}
    for line in lines:
        stage, dropped, failed = (cell.strip() for cell in line.split("|")[1:4])
        table[stage.replace(": ", "/")] = tuple(tuple(re.findall(r"`(\w+)`", cell)) for cell in (dropped, failed))
    assert table == {stage: (REASONS[stage], FAILURES[stage]) for stage in REASONS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_links_are_real(document):
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = re.findall(r"^(?:\$ )?pairmill ([a-z][a-z-]+)", "".join(blocks), re.MULTILINE)
    for command in commands + re.findall(r"`pairmill ([a-z][a-z-]+)", text):
        assert command in COMMANDS, f"{document.name} names `pairmill {command}`"
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_a_page_names_are_there(document):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document.read_text(encoding="utf-8"))
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{document.name} names {path}::{name}"
    assert named or document.name != "security.md"
