"""A web row held against its source: the record is read again, mined by the set's own settings, and compared.

In: a row of a set and the settings that it was mined with. Out: lines that say that the text is the same, or what
differs. Caps are lifted: the row is in the set, so they have let it through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from miners.web import mine_records
from miners.web.record_reader import WarcRecord, records_at
from miners.web.web_config import WebConfig
from pipelines import storage
from pipelines.mine_web import make_config
from schemas.ledger import Ledger
from schemas.manifest import CODE_VERSION, Manifest
from schemas.pair import WEB_KINDS, Pair

SHOWN = 60
"""Characters shown on each side of the first difference."""


def mined_config(manifest: Manifest) -> WebConfig:
    """The settings of the mine-web job that wrote the set. Raises ValueError for a set of an earlier version."""
    try:
        config = make_config(manifest.config)
    except KeyError as error:
        raise ValueError(f"the set was mined by an earlier version, which did not know the setting {error}") from None
    return replace(config, max_pairs_per_page=0, max_pairs_per_domain=0)


def is_web_row(row: Mapping[str, Any]) -> bool:
    """Whether the row says which record of a file it is of."""
    place = row["provenance"]
    return row["kind"] in WEB_KINDS and place["uri"] is not None and place["offset"] is not None


def compare_with_source(row: Mapping[str, Any], config: WebConfig, code_version: str = CODE_VERSION) -> list[str]:
    """What reading the row's record again says of its text."""
    place = row["provenance"]
    try:
        with storage.open_read(place["uri"]) as file:
            records = list(records_at(file, place["offset"]))
    except (OSError, ValueError) as error:
        return [f"not compared with its source: {place['uri']} cannot be read ({error})"]
    ledger = Ledger("mine-web")
    mined = [item for item in mine_records(records, place["uri"], config, ledger) if isinstance(item, Pair)]
    same = [pair for pair in mined if pair.row_id == row["row_id"]]
    if same and (same[0].anchor, same[0].positive) == (row["anchor"], row["positive"]):
        url = same[0].provenance.url
        moved = f", of a page that is now {url}" if url != place["url"] else ""
        return [f"read again at byte {place['offset']:,}, and mined by the set's settings: the same text{moved}"]
    found = _difference(row, records, mined, ledger)
    if code_version != CODE_VERSION:
        found.append(f"  the set was made by version {code_version}; this is {CODE_VERSION}")
    return ["DIFFERS from its source, mined again by the set's settings", *found]


def _difference(
    row: Mapping[str, Any], records: Sequence[WarcRecord], mined: Sequence[Pair], ledger: Ledger
) -> list[str]:
    place = row["provenance"]
    if not records:
        return [f"  no sound record begins at byte {place['offset']:,} of {place['uri']} any more"]
    alike = [pair for pair in mined if pair.provenance.url == place["url"] and pair.kind == row["kind"]]
    if not alike:
        urls = sorted({pair.provenance.url or "" for pair in mined} - {place["url"] or ""})
        if urls:
            return [f"  the record there is now of {urls[0]}"]
        return [f"  the record there gives no pair now{_lost(ledger)}"]
    at = [pair for pair in alike if pair.provenance.ordinal == place["ordinal"]]
    if not at:
        return [f"  the page gives {len(alike):,} pairs now, and none with the ordinal {place['ordinal']}"]
    return [
        line
        for side, old, new in (("anchor", row["anchor"], at[0].anchor), ("positive", row["positive"], at[0].positive))
        if old != new
        for line in _first_difference(side, old, new)
    ] or ["  the text is the same, and the row's id is not: the file's name or the record's place has changed"]


def _lost(ledger: Ledger) -> str:
    """The reason for which the first of the stages lost all that it read."""
    for stage, count in ledger.stages.items():
        lost = count.dropped | count.failed
        if count.read and not count.kept and lost:
            return f": its {stage} is refused as {', '.join(lost)}"
    return ""


def _first_difference(side: str, old: str, new: str) -> list[str]:
    length = min(len(old), len(new))
    at = next((i for i in range(length) if old[i] != new[i]), length)
    begin = max(0, at - SHOWN)
    return [
        f"  the {side} differs from character {at:,} on ({len(old):,} characters in the set, {len(new):,} now)",
        f"    in the set: {old[begin : at + SHOWN]!r}",
        f"    now:        {new[begin : at + SHOWN]!r}",
    ]
