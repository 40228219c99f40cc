"""Gates: thresholds that a person sets, and whether a set passes them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
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
    max_near_duplicate_share: float | None = None
    """Verified near-duplicates that dedupe would remove; of a sampled set, rows that have one."""
    max_leaks: int | None = None
    """Groups and texts in several splits, and held-out rows with a verified near-pair in an earlier split."""
    max_contamination_share: float | None = None
    """Rows that hold evaluation texts; only with --decontaminate."""
    max_secrets: int | None = None
    """Secrets; in a sampled set the number that the sample makes of it."""
    max_personal_data: int | None = None
    """E-mail addresses, phone numbers and public IP addresses, likewise."""
    max_wrong_language_share: float | None = None
    max_markup_share: float | None = None
    max_boilerplate_share: float | None = None
    max_no_overlap_share: float | None = None
    """Rows whose sides have no word in common."""
    max_full_overlap_share: float | None = None
    """Rows whose sides have almost all words in common."""
    max_group_share: float | None = None
    """Rows of the largest domain or repository."""
    max_excluded_license_share: float | None = None
    """Rows that the policy of --licenses leaves out."""
    max_no_license_share: float | None = None
    max_broken_rules: int | None = None
    """Rules of the columns that some row breaks."""
    max_removed_rows: int | None = None
    """Rows that the set's own list says were removed."""
    min_languages: int | None = None
    min_pairs: int | None = None


FIGURE_OF = {
    "max_duplicate_share": "duplicate_share",
    "max_false_negative_rate_at_16384": "false_negatives.at_16384",
    "max_near_duplicate_share": "near_duplicates.share",
    "max_leaks": "leaks.total",
    "max_contamination_share": "contamination.share",
    "max_secrets": "texts.secrets.found_estimated",
    "max_personal_data": "texts.personal_data.found_estimated",
    "max_wrong_language_share": "texts.wrong_language.share",
    "max_markup_share": "texts.markup.share",
    "max_boilerplate_share": "texts.boilerplate.share",
    "max_no_overlap_share": "texts.overlap.almost_nothing.share",
    "max_full_overlap_share": "texts.overlap.almost_everything.share",
    "max_group_share": "groups.largest_share",
    "max_excluded_license_share": "licenses.excluded_share",
    "max_no_license_share": "pairs.no_license_share",
    "max_broken_rules": "schema.broken_rules",
    "max_removed_rows": "removed_rows_left.rows",
    "min_languages": "pairs.languages",
    "min_pairs": "pairs.total",
}
_FLAGS = {"max_contamination_share": "--decontaminate", "max_excluded_license_share": "--licenses"}
"""What must be given for the figure to be measured."""
_COUNTS = ("max_leaks", "max_secrets", "max_personal_data", "max_broken_rules", "max_removed_rows")


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
        value = figure_at(figures, FIGURE_OF[name])
        ok = value is None or (value <= threshold if name.startswith("max_") else value >= threshold)
        result = {"gate": name, "threshold": threshold, "value": value, "figure": FIGURE_OF[name], "passed": bool(ok)}
        results.append({**result, "style": gate_style(name)})
    return results


def check_flags(gates: Gates, given: Collection[str]) -> None:
    """Raises ValueError for a gate on what is measured only with a flag that is not `given`."""
    for gate, flag in _FLAGS.items():
        if getattr(gates, gate) is not None and flag not in given:
            raise ValueError(f"the gate {gate} needs {flag}, or nothing is measured; give it, or leave the gate out")


def gate_style(gate: str) -> str:
    """How the gate's figure and threshold are shown: as a `count` or a `share`."""
    return "count" if gate.startswith("min_") or gate in _COUNTS else "share"


def figure_at(figures: Any, path: str) -> Any:
    """The value at a dotted path of names and list positions."""
    for part in path.split("."):
        figures = figures[int(part)] if isinstance(figures, list) else figures[part]
    return figures


def _check_value(place: str, key: str, value: object) -> None:
    if gate_style(key) == "count":
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{place}: {key} must be a whole number, 0 or more, not {value!r}")
    elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{place}: {key} is a share and must lie between 0 and 1, not {value!r}")
