"""`pairmill explain SET ROW`: where a row came from, or why it was removed and by what.

Reads the set's own files: data, evidence and rejects. A row is named by its row_id or its pair_id, or the beginning of
one. For a removed row it shows the evidence and the row that was kept for it; with what dedupe was given (`--input`)
both texts side by side, and what differs. A kept row of web text is also read again
from its file, and what it says now is held against the set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines import storage
from pipelines.explain_removal import find_rows, side_by_side
from pipelines.explain_web import compare_with_source, is_web_row, mined_config
from pipelines.failures import report_errors
from schemas.manifest import MANIFEST_NAME, Manifest
from schemas.pair_set import open_folder, read_manifest, read_pair_set

LEAST_DIGITS = 6
MOST_SHOWN = 10


def explain(folder: str, row: str, inputs: Sequence[str] = ()) -> list[str]:
    """The lines that explain a row; ValueError if the set knows nothing of it.

    `inputs` are what a set of dedupe was made of: they have the removed texts, and the settings of mine-web by which a
    web row was mined.
    """
    if len(row) < LEAST_DIGITS or set(row) - set("0123456789abcdef"):
        raise ValueError(f"{row!r} is no row: give a row_id or pair_id, or at least its first {LEAST_DIGITS} digits")
    manifest = read_manifest(folder)
    lines: list[str] = []
    for found in _kept_rows(folder, row):
        lines += [f"kept in {_split(folder, manifest, found['row_id'])}", *_describe(found)]
        lines += [*_source(found, [folder, *inputs]), ""]
    for evidence in _listed_rows(folder, manifest, "evidence", row):
        lines += ["removed", *_plain(evidence), "", *_removal(folder, evidence, inputs)]
    for taken_out in _listed_rows(folder, manifest, "removed", row):
        lines += ["taken out of the finished set (pairmill remove), text and all", *_plain(taken_out), ""]
    if not lines:
        raise ValueError(f"{folder} knows no row {row}: neither its data nor its evidence names it")
    return lines


def _kept_rows(folder: str, row: str) -> list[dict[str, Any]]:
    wanted = pc.starts_with(ds.field("row_id"), row) | pc.starts_with(ds.field("pair_id"), row)
    return read_pair_set(folder).to_table(filter=wanted).slice(0, MOST_SHOWN).to_pylist()


def _split(folder: str, manifest: Manifest, row_id: str) -> str:
    for split in manifest.splits:
        if read_pair_set(folder, split).count_rows(filter=ds.field("row_id") == row_id):
            return split
    return "no split"


def _listed_rows(folder: str, manifest: Manifest, kind: str, row: str) -> Iterator[dict[str, Any]]:
    """What the set's files in a folder, of evidence or of removed rows, say of a row."""
    system, root = open_folder(folder)
    paths = [f"{root}/{entry.path}" for entry in manifest.files if entry.folder == kind]
    if not paths:
        return
    evidence = ds.dataset(paths, filesystem=system, format="parquet")
    ids = [name for name in evidence.schema.names if name.removeprefix("removed_") in ("row_id", "pair_id")]
    wanted = pc.starts_with(ds.field(ids[0]), row)
    for name in ids[1:]:
        wanted = wanted | pc.starts_with(ds.field(name), row)
    yield from evidence.to_table(filter=wanted).slice(0, MOST_SHOWN).to_pylist()


def _removal(folder: str, evidence: dict[str, Any], inputs: Sequence[str]) -> Iterator[str]:
    """The row that was kept for a removed one, and with the input both texts."""
    ids = [str(evidence[name]) for name in ("removed_row_id", "kept_row_id") if evidence.get(name)]
    there = find_rows(inputs, ids)
    kept = {row["row_id"]: row for row in _kept_rows(folder, ids[-1])} if len(ids) == 2 else {}
    rows = [there.get(row_id) or kept.get(row_id) for row_id in ids]
    if len(rows) == 2 and all(rows):
        yield from ("both rows", *side_by_side(rows[0], rows[1]), "")
        return
    for name, row in zip(("the removed row", "the row that was kept for it"), rows, strict=False):
        if row:
            yield from (name, *_describe(row), "")
    if not rows or rows[0] is None:
        yield "give what the set was made of (--input SET...) to see the removed text"


def _describe(row: dict[str, Any]) -> list[str]:
    lines = _plain({key: row[key] for key in ("row_id", "pair_id", "source", "group", "cluster")})
    lines += _plain({key: value for key, value in row["provenance"].items() if key != "docstring_raw"})
    lines += _plain({"stands in": _line(row)})
    for side in ("anchor", "positive"):
        lines += [f"{side}:", *(f"    {line}" for line in row[side].splitlines())]
    return lines


def _line(row: dict[str, Any]) -> str | None:
    """The file and the line, or row, from 1, of what was no page and no repository."""
    place = row["provenance"]
    if place["uri"] is None or place["ordinal"] is None or place["offset"] is not None:
        return None
    unit = "row" if place["uri"].endswith((".parquet", ".arrow")) else "line"
    return f"{place['uri']}, {unit} {place['ordinal'] + 1:,}"


def _source(row: dict[str, Any], folders: Sequence[str]) -> list[str]:
    """What a web row's record says when it is mined again, by the settings of the set that it was first in."""
    if not is_web_row(row):
        return []
    for folder in folders:
        if storage.exists(storage.join(folder, MANIFEST_NAME)):
            manifest = read_manifest(folder)
            if manifest.job == "mine-web" and _kept_rows(folder, row["row_id"]):
                return compare_with_source(row, mined_config(manifest), manifest.code_version)
    return ["not compared with its source: give the set of mine-web that it was first in (--input SET...)"]


def _plain(values: dict[str, Any]) -> list[str]:
    return [f"  {key}: {value}" for key, value in values.items() if value is not None]


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill explain`; 0 when the row was found, 2 when the set does not know it or is none."""
    parser = argparse.ArgumentParser(
        prog="pairmill explain",
        description="Where a row of a pair set came from, or why it was removed and by what.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", help="a pair set's folder")
    parser.add_argument("row", help="a row_id or pair_id, or its first digits")
    parser.add_argument(
        "--input",
        nargs="+",
        default=[],
        metavar="SET",
        help="what a set of dedupe was made of: to see removed texts, and to read web rows again by its settings",
    )
    args = parser.parse_args(argv)

    def run() -> int:
        try:
            print("\n".join(explain(args.folder, args.row, args.input)))
        except pa.ArrowException as error:
            raise ValueError(f"{args.folder} cannot be read ({error}); run `pairmill verify` on it") from None
        return 0

    return report_errors("explain", run)


if __name__ == "__main__":
    sys.exit(main())
