"""What the evaluator's tests share: a pair set and a model, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.made_sets import code_pair, text_pair, write_set, write_word_model


@pytest.fixture(scope="session")
def pair_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [code_pair(i) for i in range(2005)] + [text_pair(i) for i in range(40)]
    return write_set(tmp_path_factory.mktemp("sets") / "clean", train=[code_pair(9999)], test=rows)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_word_model(tmp_path_factory.mktemp("models") / "static")
