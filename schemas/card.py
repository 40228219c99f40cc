"""The data card: README.md of a pair set, with the header that makes `datasets.load_dataset(OUT)` just work."""

from __future__ import annotations

import yaml

from schemas.ledger import stages_of
from schemas.manifest import Manifest


def card(manifest: Manifest) -> str:
    """The card's text. The header names a file pattern a split that has rows; a set without rows has no configs."""
    header: dict[str, object] = {
        "pretty_name": f"pairmill {manifest.job}",
        "tags": ["pairmill", "sentence-pairs"],
    }
    if manifest.splits:
        header["configs"] = [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}-*.parquet"} for split in manifest.splits],
            }
        ]
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False) + "---\n",
        f"# Training pairs from `pairmill {manifest.job}`\n",
        _splits(manifest),
        _use(manifest),
        _ledger(manifest),
    ]
    if manifest.warnings:
        parts.append("## Warnings\n\n" + "\n".join(f"- {line}" for line in manifest.warnings) + "\n")
    return "\n".join(parts)


def _splits(manifest: Manifest) -> str:
    if not manifest.splits:
        return "No row was kept: the ledger below says why.\n"
    rows = "\n".join(f"| {split} | {n:,} |" for split, n in manifest.splits.items())
    return f"| split | rows |\n|---|---:|\n{rows}\n\n`data_id`: `{manifest.data_id}`\n"


def _use(manifest: Manifest) -> str:
    if not manifest.splits:
        return ""
    return (
        "```python\nfrom datasets import load_dataset\n\n"
        'pairs = load_dataset("path/to/this/folder")\n'
        'print(pairs["train"][0]["anchor"], pairs["train"][0]["positive"])\n```\n\n'
        "One row is one pair: `anchor` and `positive`, with ids, hashes, the group that decides the split, and\n"
        "provenance down to the byte. `pairmill verify` checks the folder.\n"
    )


def _ledger(manifest: Manifest) -> str:
    lines = ["## Ledger\n", "| stage | read | kept | dropped | failed |", "|---|---:|---:|---|---|"]
    stages = manifest.ledger["stages"]
    for name in stages_of(manifest.ledger["job"], stages):
        stage = stages[name]
        dropped = ", ".join(f"{reason} {n:,}" for reason, n in stage["dropped"].items()) or "–"
        failed = ", ".join(f"{reason} {n:,}" for reason, n in stage["failed"].items()) or "–"
        lines.append(f"| {name} | {stage['read']:,} | {stage['kept']:,} | {dropped} | {failed} |")
    return "\n".join(lines) + "\n"
