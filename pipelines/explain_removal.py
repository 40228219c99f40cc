"""A removal of dedupe for a person: both texts side by side, and what differs between them."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Console
from rich.table import Table
from rich.text import Text

from miners.near_duplicates.difference import Stretch, difference
from pipelines.deduping.inputs import find_input, read_plain_tables
from schemas.pair_set import read_pair_set

SIDES = ("anchor", "positive")
LEAST_WIDTH = 60
PLAIN_WIDTH = 120


def find_rows(inputs: Sequence[str], row_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """row_id → row of those that the inputs (pair sets or plain tables) hold. Raises UsageError."""
    if not inputs:
        return {}
    given = find_input(inputs)
    wanted = pa.array(row_ids)
    found: dict[str, dict[str, Any]] = {}
    for folder in given.folders:
        rows = read_pair_set(folder).to_table(filter=ds.field("row_id").isin(wanted))
        found |= {row["row_id"]: row for row in rows.to_pylist()}
    for unit in given.units():
        for _, batch in read_plain_tables(unit) if unit.is_plain else ():
            rows = batch.pairs.filter(pc.is_in(batch.pairs["row_id"], wanted))
            found |= {row["row_id"]: row for row in rows.to_pylist()}
    return found


def side_by_side(removed: dict[str, Any], kept: dict[str, Any]) -> Iterator[str]:
    """Lines of a table of both rows; what differs is coloured on a terminal, and in `[-…-]` and `{+…+}` elsewhere."""
    coloured = sys.stdout.isatty()
    width = max(LEAST_WIDTH, shutil.get_terminal_size((PLAIN_WIDTH, 0)).columns) if coloured else PLAIN_WIDTH
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=coloured, highlight=False)
    for side in SIDES:
        if removed[side] == kept[side]:
            console.print(f"{side}: the same in both", markup=False)
            continue
        table = Table(title=side, title_justify="left", expand=True)
        left, right = difference(removed[side], kept[side])
        table.add_column("removed", ratio=1)
        table.add_column("kept", ratio=1)
        table.add_row(_shown(left, "red", "[-", "-]", coloured), _shown(right, "green", "{+", "+}", coloured))
        console.print(table)
    yield from (line.rstrip() for line in out.getvalue().splitlines())


def _shown(stretches: Sequence[Stretch], colour: str, before: str, after: str, coloured: bool) -> Text:
    text = Text()
    for stretch in stretches:
        if stretch.is_shared:
            text.append(stretch.text)
        elif coloured:
            text.append(stretch.text, style=f"bold {colour}")
        else:
            text.append(f"{before}{stretch.text}{after}")
    return text
