"""The cards of the page: each row once, under every reason why it is shown."""

from miners.audit.cards import filter_values, sample_cards, sample_choices


def row(row_id, language="en"):
    return {"row_id": row_id, "kind": "neighbor_text", "language": language, "source": "s", "split": "train"}


FIGURES = {
    "samples": [{"kind": "neighbor_text", "language": "en", "rows": [row("a"), row("b", None)]}],
    "extremes": [
        {"kind": "neighbor_text", "signal": "anchor_chars", "end": "highest", "rows": [{"value": 1234.0, **row("a")}]},
        {"kind": "neighbor_text", "signal": "language_score", "end": "lowest", "rows": [{"value": 0.25, **row("c")}]},
    ],
    "found_rows": [{"check": "overlap", "what": "almost_nothing", "rows": [row("c"), row("d", "de")]}],
    "drops": [
        {"key": "mine-web/page/no_main_text", "job": "mine-web", "stage": "page", "reason": "no_main_text", "items": 7}
    ],
}


def test_each_row_is_shown_once_with_all_its_reasons():
    cards = {card["row"]["row_id"]: card for card in sample_cards(FIGURES)}
    assert list(cards) == ["a", "b", "c", "d"]
    assert cards["a"]["why"] == ["random", "anchor_chars:highest"]
    assert cards["a"]["notes"] == ["most anchor, characters: 1,234"]
    assert cards["c"]["why"] == ["language_score:lowest", "overlap:almost_nothing"]
    assert cards["c"]["notes"] == ["least language score: 0.25", "overlap: almost nothing"]


def test_every_reason_can_be_chosen():
    choices = {key for _, group in sample_choices(FIGURES) for key, _ in group}
    why = {key for card in sample_cards(FIGURES) for key in card["why"]}
    assert choices == why | {"mine-web/page/no_main_text"}


def test_a_filter_offers_the_values_that_there_are():
    cards = sample_cards(FIGURES)
    assert filter_values(cards, "language") == ["de", "en"]
    assert filter_values(cards, "split") == ["train"]
