"""What `--dry-run` of import measures: windows of every file are read, and pairs made of the texts that stand in them.

Ids that are joined lie anywhere in the files, so the sample is no import of a part: of each file's layout it has the
seconds, positives and negatives a byte, and of pairs with as many negatives the seconds and bytes a pair.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from miners.code.table import is_compressed, unpacked
from miners.supervised.line_readers import Layout, json_object
from miners.supervised.statements import Role, Statement, Text
from miners.supervised.table_rows import RowRules, pair_of_row
from pipelines import storage
from pipelines.dry_runs.estimate import Input, Nowhere, Sample, print_plan
from pipelines.http_files import is_http
from pipelines.importing.inputs import Source
from pipelines.importing.lines import BadRow, LineRange
from pipelines.importing.segments import Segments
from pipelines.importing.tables import JSON, PARQUET, table_rows, table_type
from pipelines.options import Command
from pipelines.units import Unit
from schemas.pair import Pair, Provenance, make_pair, pairs_to_table
from schemas.writer import PartWriter

WINDOW_BYTES = 512 << 10
WINDOWS = 3
TABLE_ROWS = 500


@dataclass
class Found:
    """What windows have, scaled to the whole of their files, and the texts that stood in them."""

    bytes: float = 0.0
    """Of the windows, as they lie in the files."""
    seconds: float = 0.0
    positives: float = 0.0
    negatives: float = 0.0
    rows: float = 0.0
    """Pairs of tables."""
    output_bytes: float = 0.0
    texts: dict[str, list[str]] = field(default_factory=dict)


def print_import_plan(command: Command, sources: Sequence[Source], units: Sequence[Unit], rules: RowRules) -> int:
    """Print the plan of an import; nothing is fetched. Status 0."""
    size = sum(source.size for source in sources)
    unknown = sum(is_http(source.path) and not source.size for source in sources)
    found = Input(len(sources) - unknown, size, len(units), size, unknown)
    here = [source for source in sources if source.size and not source.broken and not is_http(source.path)]
    rng = random.Random(command.args.seed)
    samples = [_sampled(here, rules, rng) for _ in range(WINDOWS)] if here else []
    sample = None
    if samples:
        share = np.array([one.bytes for one in samples]) / max(size, 1)
        columns = [np.array([getattr(one, name) for one in samples]) for name in ("seconds", "rows", "output_bytes")]
        sample = Sample(share * size, *(column * share for column in columns), start=0.0, is_least=False)
    print_plan(found, sample, command, "the input lies behind URLs, or is empty")
    return 0


def _sampled(sources: Sequence[Source], rules: RowRules, rng: random.Random) -> Found:
    """One window of every file; `rows`, `seconds` and `output_bytes` are of the whole import."""
    found = Found()
    for source in sources:
        if source.layout is None:
            _table(source, rules, rng, found)
        else:
            _lines(source, source.layout, rng, found)
    lefts, rights = found.texts.get("queries", []), found.texts.get("passages", [])
    if found.positives and lefts and rights:
        each = min(rules.most_negatives, round(found.negatives / found.positives))
        count = max(1, len(rights) // (each + 1))  # a text that stood in several pairs would compress too well
        begin = time.process_time()
        size = _written([_pair(lefts, rights, each, i) for i in range(count)])
        found.seconds += (time.process_time() - begin) / count * found.positives
        found.output_bytes += size / count * found.positives
        found.rows += found.positives
    return found


def _lines(source: Source, layout: Layout, rng: random.Random, found: Found) -> None:
    lines, size = _window(source, rng)
    read, positives, negatives = layout.reader(), set(), 0
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder, Segments(folder, (), 0).write("sample") as segment:
        for number, line in enumerate(lines):
            try:
                said = read(line)
            except ValueError:
                continue
            for one in said:
                if isinstance(one, Text):
                    segment.add_text(one, number)
                    found.texts.setdefault(layout.store, []).append(one.text.decode())
                elif isinstance(one, Statement):
                    segment.add_statement(one, number)
                    negatives += one.role != Role.POSITIVE
                    positives |= {(one.left, one.right)} if one.role != Role.NEGATIVE else set()
                    for store, text in zip(("queries", "passages", "passages"), one.texts, strict=False):
                        found.texts.setdefault(store, []).append(text.text.decode())
    scale = source.size / max(size, 1)
    found.bytes += min(size, source.size)
    found.seconds += (time.process_time() - begin) * scale
    found.positives += len(positives) * scale
    found.negatives += negatives * scale


def _table(source: Source, rules: RowRules, rng: random.Random, found: Found) -> None:
    if source.columns is None:
        return
    begin = time.process_time()
    rows, share = _rows(source, source.columns.names, rng)
    pairs: list[Pair] = []
    for number, row in enumerate(rows):
        with suppress(ValueError):
            pairs.append(pair_of_row(row, source.columns, rules, source.name, source.path, number)[0])
    if not pairs:
        return
    written = _written(pairs)
    found.bytes += share * source.size
    found.seconds += (time.process_time() - begin) / share
    found.rows += len(pairs) / share
    found.output_bytes += written / share


def _rows(source: Source, columns: Sequence[str], rng: random.Random) -> tuple[list[dict[str, Any]], float]:
    """Some rows of a table, and the share of it that they are: exact of lines and Parquet, else by their cells."""
    kind = table_type(source.path)
    if kind == JSON:
        rows, (lines, size) = [], _window(source, rng)
        for line in lines:
            with suppress(ValueError):
                rows.append(json_object(line))
        return rows, min(1.0, size / source.size)
    items = list(islice(table_rows(source.path, LineRange(), (0,), columns), TABLE_ROWS))
    rows = [item[1] for item in items if not isinstance(item, BadRow)]
    if kind == PARQUET:
        with storage.open_read(source.path) as file:
            return rows, len(items) / max(1, pq.read_metadata(file).num_rows)
    size = sum(len(str(cell)) + 1 for row in rows for cell in row.values()) / _unpacking(source)
    return rows, min(1.0, size / source.size)


def _window(source: Source, rng: random.Random) -> tuple[list[str], float]:
    """Whole lines of a window of a plain file, of the beginning of a packed one; and what they take of the file."""
    with storage.open_read(source.path) as file:
        packed = is_compressed(source.path)
        start = 0 if packed else rng.randrange(max(1, source.size - WINDOW_BYTES))
        file.seek(start) if start else None
        data = unpacked(file, source.path).read(WINDOW_BYTES)
    whole = data if len(data) < WINDOW_BYTES else data[: data.rfind(b"\n") + 1]
    whole = whole[whole.find(b"\n") + 1 :] if start else whole
    lines = whole.decode("utf-8", "replace").split("\n")
    return [line.removesuffix("\r") for line in lines if line.strip()], len(whole) / _unpacking(source)


def _unpacking(source: Source) -> float:
    """Bytes that a byte of the file becomes when it is unpacked, by its beginning."""
    if not is_compressed(source.path):
        return 1.0
    with storage.open_read(source.path) as file:
        stream = unpacked(file, source.path)
        return len(stream.read(8 * WINDOW_BYTES)) / max(1, min(file.tell(), source.size))


def _pair(lefts: Sequence[str], rights: Sequence[str], negatives: int, number: int) -> Pair:
    """A pair of texts that stood somewhere in the windows: as long as the real ones, of other contents."""
    several = [rights[(number * (negatives + 1) + i) % len(rights)] or "-" for i in range(negatives + 1)]
    return make_pair(
        kind="text_pair",
        language="en",
        anchor=lefts[number % len(lefts)] or "-",
        positive=several[0],
        place=("sample", number),
        group=None,
        provenance=Provenance(ordinal=number),
        negatives=several[1:],
    )


def _written(pairs: Sequence[Pair]) -> int:
    """The bytes of these rows in a file of a pair set."""
    writer = PartWriter(Nowhere())
    writer.write(pairs_to_table(pairs))
    return writer.close().bytes
