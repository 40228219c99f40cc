"""From the first records to the pairs of the set: the ledgers of all jobs on the way, in the order they ran."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.ledger import STAGES, StageCount, stages_of


def stage_figures(job: str, stages: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stages of a ledger in order, each with the shares of what was read that were kept, dropped and failed."""
    figures = []
    for name in stages_of(job, stages):
        stage = stages[name]
        read = stage["read"]
        entry = {"stage": name, **{key: stage[key] for key in ("read", "kept", "made")}}
        entry["kept_share"] = stage["kept"] / read if read else 0.0
        for key in ("dropped", "failed"):
            ranked = sorted(stage[key].items(), key=lambda item: (-item[1], item[0]))
            entry[key] = [{"name": name, "pairs": n, "share": n / read if read else 0.0} for name, n in ranked]
            entry[f"{key}_share"] = sum(stage[key].values()) / read if read else 0.0
        figures.append(entry)
    return figures


def ancestor_figures(parents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The sets that a set was made of, and theirs, summed by job, first jobs first; each set once, by its data_id."""
    sums: dict[str, dict[str, StageCount]] = {}
    sets: dict[str, int] = {}
    for parent in {parent["data_id"]: parent for parent in _all(parents)}.values():
        job = parent["job"]
        own = sums.setdefault(job, {name: StageCount() for name in STAGES[job]})
        sets[job] = sets.get(job, 0) + 1
        for name, stage in parent["stages"].items():
            own.setdefault(name, StageCount()).add(StageCount(**stage))
    order = [job for job in STAGES if job in sums]
    return [
        {
            "job": job,
            "sets": sets[job],
            "stages": stage_figures(job, {name: stage.to_json() for name, stage in sums[job].items()}),
        }
        for job in order
    ]


def feed_figures(job: str, parents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How many rows each job handed to which: from the jobs that made the parents, and theirs, up to `job`."""
    feeds: dict[tuple[str, str], dict[str, int]] = {}
    for child, parent in _edges(job, parents):
        feeds.setdefault((parent["job"], child), {})[parent["data_id"]] = parent["rows"]
    return [{"from": a, "to": b, "rows": sum(rows.values())} for (a, b), rows in sorted(feeds.items())]


def _edges(job: str, parents: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for parent in parents:
        yield job, parent
        yield from _edges(parent["job"], parent["parents"])


def ancestor_ids(parents: Iterable[Mapping[str, Any]]) -> set[str]:
    """The data_ids of the sets that a set was made of, and theirs."""
    return {parent["data_id"] for parent in _all(parents)}


def _all(parents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for parent in parents:
        yield parent
        yield from _all(parent["parents"])
