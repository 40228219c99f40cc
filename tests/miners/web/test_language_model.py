"""The compiled identifier gives py3langid's labels and scores, to the bit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from miners.web.language_model import load_identifier

TEXTS = (
    "The engine is configured with the arguments below; see the documentation.",
    "Der Motor wird mit den folgenden Argumenten eingerichtet, größere Änderungen ausgenommen.",
    "Ο κινητήρας ρυθμίζεται με τα παρακάτω ορίσματα.",
    "エンジンは以下の引数で構成されます。",
    "",
    "\ud800",
    "12 34",
    "SHOUTED",
)


@pytest.fixture(scope="module")
def both():
    pytest.importorskip("numba")
    return load_identifier(), LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@pytest.mark.parametrize("text", TEXTS)
def test_it_scores_as_the_library(both, text: str) -> None:
    ours, library = both
    assert type(ours) is not LanguageIdentifier
    assert ours.rank(text) == library.rank(text)


@settings(max_examples=100)
@given(text=st.text(max_size=200) | st.lists(st.sampled_from(" ".join(TEXTS).split()), max_size=40).map(" ".join))
def test_it_scores_any_text_as_the_library(both, text: str) -> None:
    ours, library = both
    assert ours.classify(text) == library.classify(text)
    assert ours.rank(text) == library.rank(text)


def test_without_compiled_loops_it_is_the_library_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miners.web.language_model.compiled_module", lambda name: None)
    assert type(load_identifier()) is LanguageIdentifier
