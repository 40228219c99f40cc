"""Pairs of neighbouring passages, as several jobs' tests make them."""

from __future__ import annotations

from schemas.pair import Pair, Provenance, make_pair


def pair(anchor: str, positive: str, place: int, group: str, name: str = "file") -> Pair:
    """An English pair that stands at `place` of the input `name`."""
    return make_pair(
        kind="neighbor_text",
        language="en",
        anchor=anchor,
        positive=positive,
        place=(name, place),
        group=group,
        provenance=Provenance(),
    )
