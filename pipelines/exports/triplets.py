"""Columns `anchor`, `positive`, `negative_1`, …: what sentence-transformers' losses take, one Parquet file a shard.

A loss takes every column there is, in order, and no empty cell: rows with fewer negatives than columns are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipelines.exports.folder import ExportFolder
from pipelines.exports.rows import Rows, shard_sizes, sharded
from pipelines.options import UsageError
from schemas.writer import PartWriter


def export_triplets(rows: Rows, folder: ExportFolder, shards: int, negatives: int | None) -> dict[str, dict[str, int]]:
    """Writes `SPLIT-…parquet` and a card; gives, by split, the rows read, written and left out."""
    have = {split: rows.negatives(split) for split in rows.splits}
    columns = _columns(np.concatenate(list(have.values())), negatives)
    counts = {}
    for split in rows.splits:
        sizes = shard_sizes(int((have[split] >= columns).sum()), shards)
        _write_split(rows, folder, split, sizes, columns)
        counts[split] = {
            "read": len(have[split]),
            "written": sum(sizes),
            "fewer_negatives": len(have[split]) - sum(sizes),
        }
    header = {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"{s}-*.parquet"} for s in rows.splits if counts[s]["written"]],
            }
        ]
    }
    named = ", ".join(["`anchor`", "`positive`", *(f"`negative_{i}`" for i in range(1, columns + 1))])
    folder.write("README.md", f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\nColumns: {named}.\n")
    return counts


def _columns(have: np.ndarray, asked: int | None) -> int:
    """The number of negative columns. UsageError where rows differ and nothing was asked for."""
    least, most = (int(have.min()), int(have.max())) if len(have) else (0, 0)
    if asked is None:
        if least == most:
            return most
        fewer = int((have < most).sum())
        raise UsageError(
            f"rows have from {least} to {most} negatives; say with --negatives N how many columns there are to be: "
            f"with {most}, {fewer:,} of {len(have):,} rows have fewer and are left out, with {least} none"
        )
    if not 0 <= asked <= most:
        raise UsageError(f"--negatives {asked}: no row has more than {most}; `pairmill hard-negatives` finds more")
    return asked


def _write_split(rows: Rows, folder: ExportFolder, split: str, sizes: list[int], columns: int) -> None:
    names = ["anchor", "positive", *(f"negative_{i}" for i in range(1, columns + 1))]
    schema = pa.schema([pa.field(name, pa.string(), nullable=False) for name in names])
    for number, parts in sharded(_wide(rows, split, columns, schema), sizes):
        with folder.open(f"{split}-{number:05}-of-{len(sizes):05}.parquet") as file:
            writer = PartWriter(file, schema)
            try:
                for part in parts:
                    writer.write(pa.Table.from_batches([part]))
            except BaseException:
                writer.abandon()
                raise
            writer.close()


def _wide(rows: Rows, split: str, columns: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows with enough negatives, each in a column of its own."""
    for batch in rows.batches(split, ("anchor", "positive", "negatives")):
        batch = batch.filter(pc.greater_equal(pc.list_value_length(batch.column("negatives")), columns))
        lists = batch.column("negatives")
        wide = [batch.column("anchor"), batch.column("positive"), *(pc.list_element(lists, i) for i in range(columns))]
        yield pa.RecordBatch.from_arrays(wide, schema=schema)
