"""WebDataset: tar files whose members with one name up to the first dot are one sample.

Of a row: `ROW_ID.anchor.txt`, `ROW_ID.positive.txt`, `ROW_ID.negatives.json` (where it has any) and `ROW_ID.meta.json`.
Members carry no time and no owner, so that the same rows give the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from pipelines.exports.folder import ExportFolder
from pipelines.exports.rows import Rows, shard_sizes, sharded

COLUMNS = ("row_id", "kind", "source", "language", "group", "anchor", "positive", "negatives")
_META = ("kind", "source", "language", "group")


def export_webdataset(rows: Rows, folder: ExportFolder, shards: int) -> dict[str, dict[str, int]]:
    """Writes `SPLIT-000000.tar`, …; gives, by split, the rows read and written."""
    counts = {}
    for split in rows.splits:
        sizes = shard_sizes(rows.count(split), shards)
        for number, parts in sharded(rows.batches(split, COLUMNS), sizes):
            with (
                folder.open(f"{split}-{number:06}.tar") as file,
                tarfile.open(fileobj=file, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
            ):
                for part in parts:
                    for row in part.to_pylist():
                        _add(tar, row)
        counts[split] = {"read": sum(sizes), "written": sum(sizes)}
    return counts


def _add(tar: tarfile.TarFile, row: dict[str, Any]) -> None:
    members = {"anchor.txt": row["anchor"], "positive.txt": row["positive"]}
    if row["negatives"]:
        members["negatives.json"] = json.dumps(row["negatives"], ensure_ascii=False)
    members["meta.json"] = json.dumps({name: row[name] for name in _META}, ensure_ascii=False)
    for suffix, text in members.items():
        data = text.encode()
        member = tarfile.TarInfo(f"{row['row_id']}.{suffix}")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
