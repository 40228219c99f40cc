"""The figures of what an audit is asked for beside the set itself (`extras`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miners.audit.compared_rows import SIDES, CompareConfig, ComparedRows
from miners.audit.comparison import comparison_figures
from miners.audit.pair_scores import score_figures
from miners.audit.summary import Summary
from schemas.manifest import Manifest


@dataclass(frozen=True)
class Asked:
    """What was asked for, and what is known of it without reading rows. None was not asked for."""

    compared: CompareConfig | None = None
    other_path: str = ""
    other_manifest: Manifest | None = None
    scores: Mapping[str, Any] | None = None
    """What is known of the files of scores: the `model`, and what candidates share (`within`)."""
    tokenizer: str | None = None
    """What the page calls the tokenizer."""


def extra_figures(
    summary: Summary, asked: Asked, manifest: Manifest, shown: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any]:
    """`comparison`, `scores` and `tokens`: their figures, None where they were not asked for."""
    extras = summary.extras
    kinds: dict[str, int] = {}
    for (_, kind, _, _), n in summary.pairs.items():
        kinds[kind] = kinds.get(kind, 0) + n
    return {
        "comparison": _comparison(summary, asked, manifest),
        "scores": None if asked.scores is None else score_figures(extras.scores, shown, asked.scores),
        "tokens": None if asked.tokenizer is None else extras.tokens.figures(kinds, asked.tokenizer),
    }


def _comparison(summary: Summary, asked: Asked, manifest: Manifest) -> dict[str, Any] | None:
    if asked.compared is None or asked.other_manifest is None:
        return None
    sides = [summary.extras.rows.get(side) or ComparedRows(asked.compared) for side in SIDES]
    other = summary.extras.other or type(summary)(summary.config)
    return comparison_figures(*sides, summary, other, manifest, asked.other_manifest, asked.other_path)
