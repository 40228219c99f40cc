"""By which settings of dedupe a set was split and signed: what two sets must have in common to go together."""

from __future__ import annotations

from typing import Any

from schemas.manifest import Manifest

SPLIT_SETTINGS = (
    "split_key",
    "validation_share",
    "test_share",
    "words_per_shingle",
    "tokens_per_shingle",
    "signatures",
)
"""What two sets must have in common for their splits and signatures to fit together: of other shares or another key a
group would stand in two splits; signatures of other shingles or permutations cannot be compared."""


def split_settings(manifest: Manifest) -> dict[str, Any] | None:
    """By which settings of dedupe a set was split and signed, by itself or by a set that it was made of; or None."""
    config = manifest.config if manifest.job == "dedupe" else manifest.config.get("dedupe")
    return {name: config.get(name) for name in SPLIT_SETTINGS} if config else None
