from __future__ import annotations

import pytest

from miners.web.languages import check_languages, known_languages, may_be, passage_language

SAMPLES = {
    "en": "The miller opens the sluice at dawn, and the wheel begins to turn under the weight of the water.",
    "de": "Der Müller öffnet im Morgengrauen das Wehr, und das Rad beginnt sich unter dem Wasser zu drehen.",
    "fr": "Le meunier ouvre la vanne à l'aube, et la roue commence à tourner sous le poids de l'eau.",
    "ru": "На рассвете мельник открывает шлюз, и колесо начинает вращаться под тяжестью воды.",
    "ja": "粉屋は夜明けに水門を開け、水の重みで水車が回り始める。",
}


@pytest.mark.parametrize("language", SAMPLES)
def test_a_passage_is_recognised(language):
    found, score = passage_language(SAMPLES[language])
    assert found == language
    assert 0.5 < score <= 1


@pytest.mark.parametrize("language", ["en", "de", "fr", "ru"])
def test_the_gate_lets_a_wanted_page_in_and_keeps_a_foreign_one_out(language):
    assert may_be(SAMPLES[language] * 5, [language])
    assert not may_be(SAMPLES[language] * 5, ["ko"])


def test_the_gate_lets_everything_in_for_a_language_it_does_not_know():
    assert "am" in known_languages()
    assert may_be(SAMPLES["en"] * 5, ["am"])


def test_the_gate_lets_in_what_it_cannot_place():
    assert may_be(SAMPLES["ja"] * 5, ["ja"])
    assert may_be("", ["en"])


def test_text_without_a_language_is_undetermined():
    assert passage_language("123 456")[0] == "und"


def test_an_unknown_code_is_refused():
    with pytest.raises(ValueError, match="'english' is no language"):
        check_languages(["en", "english"])
