"""The samples of the page: every row once, with all the reasons why it is shown, and what was dropped on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from miners.audit.shown_text import number, words

RANDOM = "random"
SIGNAL_WORDS = {
    "anchor_chars": "anchor, characters",
    "anchor_words": "anchor, words",
    "positive_chars": "positive, characters",
    "positive_words": "positive, words",
    "language_score": "language score",
}
END_WORDS = {"lowest": "least", "highest": "most"}


def sample_cards(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the samples, the extremes and the checks, each with `why` (keys for filters) and `notes` (values)."""
    cards: dict[str, dict[str, Any]] = {}
    for block in figures["samples"]:
        for row in block["rows"]:
            _card(cards, row)["why"].append(RANDOM)
    for block in figures["extremes"]:
        for row in block["rows"]:
            card = _card(cards, row)
            card["why"].append(extreme_key(block))
            value = row["value"]
            shown = number(int(value) if value == int(value) else value, "count" if value == int(value) else "decimal")
            card["notes"].append(f"{extreme_words(block)}: {shown}")
    for block in figures["found_rows"]:
        for row in block["rows"]:
            card = _card(cards, row)
            card["why"].append(found_key(block))
            card["notes"].append(found_words(block))
    return list(cards.values())


def sample_choices(figures: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What can be chosen to be shown, as (heading, (key, words) …): random pairs, extremes, and reasons of drops."""
    extremes = {extreme_key(block): extreme_words(block).capitalize() for block in figures["extremes"]}
    choices = [("Pairs of the set", [(RANDOM, "Random pairs"), *extremes.items()])]
    found = [(found_key(block), found_words(block).capitalize()) for block in figures["found_rows"] if block["rows"]]
    choices.append(("What checks found", found))
    for job in dict.fromkeys(drop["job"] for drop in figures["drops"]):
        reasons = [(drop["key"], _drop_words(drop)) for drop in figures["drops"] if drop["job"] == job]
        choices.append((f"Left out by pairmill {job}", reasons))
    return [choice for choice in choices if choice[1]]


def filter_values(cards: list[dict[str, Any]], name: str) -> list[str]:
    """The values of a column that the cards' rows have, in order; for a filter that has a choice to offer."""
    return sorted({str(card["row"][name]) for card in cards if card["row"][name] is not None})


def extreme_key(block: Mapping[str, Any]) -> str:
    """The name by which a filter finds the rows of an end of a signal."""
    return f"{block['signal']}:{block['end']}"


def extreme_words(block: Mapping[str, Any]) -> str:
    """An end of a signal in words: "most anchor, words"."""
    signal = SIGNAL_WORDS.get(block["signal"]) or words(block["signal"])
    return f"{END_WORDS[block['end']]} {signal}"


def found_key(block: Mapping[str, Any]) -> str:
    """The name by which a filter finds the examples of a check."""
    return f"{block['check']}:{block['what']}"


def found_words(block: Mapping[str, Any]) -> str:
    """What a check found, in words: "overlap: almost nothing"."""
    return f"{words(block['check'])}: {words(block['what'])}"


def shown_drops(figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The drops, each with its name in words."""
    for drop in figures["drops"]:
        yield {**drop, "title": f"pairmill {drop['job']} · {words(drop['stage'])} · {words(drop['reason'])}"}


def _card(cards: dict[str, dict[str, Any]], row: Mapping[str, Any]) -> dict[str, Any]:
    return cards.setdefault(row["row_id"], {"row": row, "why": [], "notes": []})


def _drop_words(drop: Mapping[str, Any]) -> str:
    return f"{words(drop['stage']).capitalize()}: {words(drop['reason'])} ({drop['items']:,})"
