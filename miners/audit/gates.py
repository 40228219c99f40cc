"""Gates: thresholds that a person sets, and whether a set passes them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Gates:
    """Thresholds; one that is None is not checked. Shares are of 1, so that 0.02 is 2 %."""

    max_duplicate_share: float | None = None
    """Rows beyond the first of each pair with equal side hashes, as a share of all rows."""
    max_false_negative_rate_at_16384: float | None = None
    """Share of training rows that meet a known false negative in a batch of 16,384."""
    min_languages: int | None = None
    min_pairs: int | None = None


_FIGURES = {
    "max_duplicate_share": "duplicate_share",
    "max_false_negative_rate_at_16384": "false_negatives.at_16384",
    "min_languages": "pairs.languages",
    "min_pairs": "pairs.total",
}


def parse_gates(data: bytes, place: str) -> Gates:
    """Gates from YAML. Raises ValueError, naming `place`, for an unknown key or a value of a wrong type or range."""
    try:
        given = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"the gates in {place} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(given, dict) or not given:
        raise ValueError(f"the gates in {place} must be a mapping of thresholds, such as `min_pairs: 100000`")
    known = [f.name for f in fields(Gates)]
    for key, value in given.items():
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {close[0]}?" if close else f"the gates are {', '.join(known)}"
            raise ValueError(f"{place}: there is no gate {key!r}; {hint}")
        _check_value(place, key, value)
    return Gates(**given)


def gate_results(gates: Gates, figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One result for each gate that is set: its threshold, the figure that it was held against, and whether it passed.

    A set without training rows has no false-negative rate; it passes that gate.
    """
    results = []
    for name, threshold in asdict(gates).items():
        if threshold is None:
            continue
        value = figure_at(figures, _FIGURES[name])
        ok = value is None or (value <= threshold if name.startswith("max_") else value >= threshold)
        results.append(
            {"gate": name, "threshold": threshold, "value": value, "figure": _FIGURES[name], "passed": bool(ok)}
        )
    return results


def figure_at(figures: Any, path: str) -> Any:
    """The value at a dotted path of names and list positions."""
    for part in path.split("."):
        figures = figures[int(part)] if isinstance(figures, list) else figures[part]
    return figures


def _check_value(place: str, key: str, value: object) -> None:
    if key.startswith("min_"):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{place}: {key} must be a whole number, 0 or more, not {value!r}")
    elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{place}: {key} is a share and must lie between 0 and 1, not {value!r}")
