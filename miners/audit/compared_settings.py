"""Two sets' settings and stages side by side, from their manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from miners.audit.lineage import stage_figures
from schemas.manifest import Manifest

VALUE_CHARS = 200
ABSENT = "–"


def config_figures(manifest: Manifest, other: Manifest) -> list[dict[str, Any]]:
    """Every setting that differs, as text, by its dotted name; the job, the code and the seed first."""
    sides = [dict(_settings(side)) for side in (manifest, other)]
    names = [*sides[0], *(name for name in sides[1] if name not in sides[0])]
    return [
        {"name": name, "value": sides[0].get(name, ABSENT), "other_value": sides[1].get(name, ABSENT)}
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    ]


def stage_figures_of(manifest: Manifest, other: Manifest) -> list[dict[str, Any]]:
    """What the stages of both jobs read and kept; a stage that one of them has not is None there."""
    sides = [
        {stage["stage"]: stage for stage in stage_figures(side.job, side.ledger["stages"])}
        for side in (manifest, other)
    ]
    names = [*sides[0], *(name for name in sides[1] if name not in sides[0])]
    keys = ("read", "kept", "kept_share")
    return [
        {
            "stage": name,
            **{key: sides[0].get(name, {}).get(key) for key in keys},
            **{f"other_{key}": sides[1].get(name, {}).get(key) for key in keys},
        }
        for name in names
    ]


def _settings(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield "job", manifest.job
    yield "code version", manifest.code_version
    yield "schema version", str(manifest.schema_version)
    yield "seed", str(manifest.seed)
    yield from _flat("", manifest.config)


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name in sorted(value):
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), value[name])
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield prefix, text if len(text) <= VALUE_CHARS else f"{text[: VALUE_CHARS - 1]}…"
