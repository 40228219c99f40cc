from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web.languages import (
    AGREED_SCORE,
    check_languages,
    known_languages,
    may_be,
    page_language,
    passage_language,
    passage_languages,
)

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


MORE = {
    "en": ["Bread was baked here for the whole valley until the railway came.", "Nobody remembers who built it."],
    "de": ["Hier wurde Brot für das ganze Tal gebacken, bis die Eisenbahn kam.", "Wer sie baute, weiß niemand mehr."],
}


def test_the_passages_of_a_page_in_two_languages_are_told_apart():
    english, german = [SAMPLES["en"], *MORE["en"]], [SAMPLES["de"], *MORE["de"]]
    found = [language for language, _ in passage_languages([*english, *german])]
    assert found == ["en"] * 3 + ["de"] * 3


LONG = [
    "When the lease came up for renewal in the spring, the cooperative asked its members whether to keep the "
    "old building or move to a warehouse near the station, and most of them said that they would rather stay.",
    "The roof had been leaking for years, there was no lift, and in winter all worked in coats; but customers knew "
    "the address, and the rent was less than half of what the landlord of the warehouse had in mind.",
    "So they borrowed money from the town, hired two carpenters, and began with the windows. It took ten months, which "
    "was four more than planned, because nobody had looked under the floor of the upper rooms before.",
]


def test_what_a_page_surely_is_settles_its_alike_passages_and_no_others():
    page = page_language("\n".join(LONG))
    assert page == ("en", True)
    found = passage_languages([*LONG, SAMPLES["ru"]], page.language)
    assert found[:-1] == [("en", AGREED_SCORE)] * len(LONG)
    assert found[-1] == passage_language(SAMPLES["ru"])


def test_a_page_in_a_language_that_resiliparse_does_not_know_is_not_sure():
    macedonian = "Воденичарот ја отвора браната во зори и тркалото почнува да се врти под водата. Сите го знаеја."
    assert not page_language(macedonian * 5).is_sure
    assert not page_language("").is_sure


def test_a_list_of_names_in_an_english_page_is_of_no_rare_language():
    page = [SAMPLES["en"], *MORE["en"], "Ruth B. Aidoo, Kofi D. Owusu, Ama Mensah, Jojo Tetteh: 1998, 2003, 2007."]
    assert {language for language, _ in passage_languages(page)} == {"en"}


def test_a_language_that_the_fast_identifier_does_not_know():
    text = "Pada pagi hari pengilap membuka pintu air dan roda mulai berputar karena beratnya air itu, kata mereka."
    assert passage_languages([text, text + " Roti dibuat di sini."])[0][0] in {"id", "ms"}
    assert (
        passage_language("Воденичарот ја отвора браната во зори и тркалото почнува да се врти под водата.")[0] == "mk"
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=6))
def test_any_texts_get_a_known_language_and_a_probability(texts):
    found = passage_languages(texts)
    assert len(found) == len(texts)
    for language, score in found:
        assert language in known_languages()
        assert 0 <= score <= 1


def test_text_with_what_utf8_cannot_hold():
    assert passage_languages(["\ud800 " + SAMPLES["en"], "", "\0"])[0][0] == "en"
