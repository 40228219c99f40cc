"""The figures of what was checked: near-duplicates, leaks, texts, schema, licences, removed rows, contamination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from miners.audit.checks import Checks
from miners.audit.license_policy import license_figures
from miners.audit.near_pairs import SIGNATURES, NearPairs, duplicate_figures, leak_figures, shown_edges
from miners.audit.place import Place
from miners.audit.schema_check import schema_figures
from miners.audit.text_checks import text_figures

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """What takes another look at the set, once the summaries are merged."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Of near-duplicates of `text` and `code`, and of `leak`s."""
    leaked_rows: int = 0
    """Rows beyond train that a verified leak names."""
    contamination: Mapping[str, Any] | None = None
    """None where no evaluation texts were given."""


def near_places(near: NearPairs) -> list[Place]:
    """The rows of the near pairs that are shown."""
    ends = [edge[1:] for edges in shown_edges(near) for edge in edges]
    return [
        Place(0, *place)
        for left_file, left, right_file, right in ends
        for place in ((left_file, left), (right_file, right))
    ]


def add_check_figures(
    figures: dict[str, Any], checks: Checks, repeated_ids: int, measured: Measured, shown: Mapping[Place, Row]
) -> None:
    """Put the figures beside those that are there: `pairs`, `set` and `shared_between_splits` must be."""
    total, set_path = figures["pairs"]["total"], figures["set"]["path"]
    held_out = sum(entry["pairs"] for entry in figures["pairs"]["by_split"] if entry["name"] != "train")
    leak = measured.thresholds.get("leak", 0.0)
    near = {name: value for name, value in measured.thresholds.items() if name != "leak"}
    figures["near_duplicates"] = duplicate_figures(checks.near, total, near)
    leaks = leak_figures(checks.near, measured.leaked_rows, held_out, leak)
    pairs = [_shown(edges, shown) for edges in shown_edges(checks.near)]
    figures["near_duplicates"]["examples"] = pairs[0]
    shared = figures["shared_between_splits"]
    figures["leaks"] = {
        "groups": shared["groups"],
        "sides": shared["sides"],
        "near": {**leaks, "examples": pairs[1]},
        "total": shared["groups"] + shared["sides"] + leaks["estimated"],
    }
    figures["texts"] = text_figures(checks.texts, total, set_path)
    figures["schema"] = schema_figures(checks.schema, repeated_ids, set_path)
    config = checks.config
    figures["licenses"] = license_figures(config.license_policy, config.licenses is not None, checks.excluded, total)
    figures["removed_rows_left"] = {
        "rows": checks.removed.rows,
        "examples": [example.figures(set_path) for example in checks.removed.examples],
    }
    figures["contamination"] = measured.contamination


def is_exact(near: NearPairs) -> bool:
    """Whether all rows were compared with all others."""
    return near.method == SIGNATURES or near.sampled_duplicates.asked >= near.sampled_duplicates.of


def _shown(edges: list[tuple[float, int, int, int, int]], shown: Mapping[Place, Row]) -> list[dict[str, Any]]:
    return [
        {"similarity": similarity, "rows": [shown[Place(0, left_file, left)], shown[Place(0, right_file, right)]]}
        for similarity, left_file, left, right_file, right in edges
    ]
