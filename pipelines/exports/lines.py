"""JSON Lines: one object a row with its texts, names and provenance, in UTF-8; what is null is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipelines.exports.folder import ExportFolder
from pipelines.exports.rows import Rows, shard_sizes, sharded

COLUMNS = (
    "row_id",
    "pair_id",
    "kind",
    "source",
    "language",
    "group",
    "anchor",
    "positive",
    "negatives",
    "provenance",
)


def export_lines(rows: Rows, folder: ExportFolder, shards: int) -> dict[str, dict[str, int]]:
    """Writes `SPLIT-…jsonl`; gives, by split, the rows read and written."""
    counts = {}
    for split in rows.splits:
        sizes = shard_sizes(rows.count(split), shards)
        for number, parts in sharded(rows.batches(split, COLUMNS), sizes):
            with folder.open(f"{split}-{number:05}-of-{len(sizes):05}.jsonl") as file:
                for part in parts:
                    file.write(b"".join(_lines(part.to_pylist())))
        counts[split] = {"read": sum(sizes), "written": sum(sizes)}
    return counts


def _lines(values: list[dict]) -> Iterator[bytes]:
    for value in values:
        known = {name: item for name, item in value.items() if item is not None}
        if "provenance" in known:
            known["provenance"] = {name: item for name, item in known["provenance"].items() if item is not None}
        yield json.dumps(known, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
