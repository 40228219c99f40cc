import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from miners.near_duplicates.runs import distinct, join_runs, take_runs
from miners.near_duplicates.shingle_rule import CODE, TEXT, ShingleRule, shingle_hash
from miners.near_duplicates.shingles import shingle_runs, shingle_sets, side_runs
from miners.near_duplicates.words import class_table, code_class, prepare, text_class, words

_ALPHABET = "aB1_ .,;+=(){}\n\t\r\x00\u00a0éß\u0301中文あเนกู한\u00ad\u200b\ufb01`$→😀\u3000、"
_texts = st.text(st.one_of(st.sampled_from(_ALPHABET), st.characters(exclude_categories=("Cs",))), max_size=80)


def reference(text: str, rule: ShingleRule) -> set[int]:
    """The rule of a shingle set, in plain Python."""
    found = words(text, rule.is_code)
    if not found:
        whole = " ".join(prepare(text, rule.is_code).split())
        return {shingle_hash([whole], rule.is_code)} if whole else set()
    last = max(1, len(found) - rule.size + 1)
    return {shingle_hash(found[i : i + rule.size], rule.is_code) for i in range(last)}


@settings(max_examples=150, deadline=None)
@given(st.lists(_texts, max_size=6), st.booleans(), st.integers(1, 6))
@example(["", "\u00ad", "a\u00ad", "", "\u00ad\u00adb c d e f"], False, 5)
def test_numpy_gives_the_sets_of_the_plain_rule(texts: list[str], is_code: bool, size: int) -> None:
    rule = ShingleRule(is_code, size)
    sets = shingle_sets(texts, rule)
    assert len(sets) == len(texts)
    for i, text in enumerate(texts):
        if "\u00ad" in text and not words(text, is_code):
            continue
        assert sets[i].tolist() == sorted(reference(text, rule))


@settings(max_examples=100, deadline=None)
@given(st.lists(_texts, max_size=6), st.booleans(), st.integers(0, 3))
@example(["", "a b c d e f", "", "é b c", "..."], False, 1)
def test_arrow_arrays_are_shingled_as_lists_are(texts: list[str], is_code: bool, skipped: int) -> None:
    rule = ShingleRule(is_code)
    for kind in (pa.string(), pa.large_string()):
        array = pa.array([*["skipped"] * skipped, *texts, "behind"], kind).slice(skipped, len(texts))
        runs, expected = shingle_runs(array, rule), shingle_runs(texts, rule)
        assert runs.hashes.tolist() == expected.hashes.tolist() and runs.offsets.tolist() == expected.offsets.tolist()


def test_sides_of_both_kinds_in_one_array() -> None:
    texts = ["x_1 = foo(A)", "X_1 = foo(A)", "", "größer als nichts"] * 3
    is_code = np.array([True, False, True, False] * 3)
    for given_texts in (texts, pa.array(texts)):
        runs = side_runs(given_texts, is_code, TEXT, CODE)
        for i, text in enumerate(texts):
            assert runs[i].tolist() == shingle_runs([text], CODE if is_code[i] else TEXT)[0].tolist()


def test_a_null_is_refused() -> None:
    with pytest.raises(ValueError, match="null"):
        shingle_runs(pa.array(["a", None]), TEXT)


@pytest.mark.parametrize("rule", [TEXT, CODE])
def test_sets_do_not_depend_on_what_stands_beside_a_text(rule: ShingleRule) -> None:
    rng = random.Random(5)
    texts = ["".join(rng.choices(_ALPHABET, k=rng.choice((0, 3, 40, 400)))) for _ in range(300)]
    together = shingle_sets(texts, rule)
    for i, text in enumerate(texts):
        assert together[i].tolist() == shingle_sets([text], rule)[0].tolist()


@pytest.mark.parametrize("is_code", [False, True])
def test_the_table_is_the_rule(is_code: bool) -> None:
    table = class_table(is_code)
    classify = code_class if is_code else text_class
    rng = random.Random(8)
    some = [*range(0x3400), *rng.sample(range(0x3400, 0x110000), 8000)]
    assert [int(table[i]) for i in some] == [classify(chr(i)) for i in some]
    assert class_table(is_code, 128).tolist() == table[:128].tolist()


def test_golden_shingles() -> None:
    """Stored signatures stay comparable only while these do not change."""
    assert shingle_sets(["Hello, world"], TEXT).hashes.tolist() == [2114957699920514901]
    assert shingle_sets(["x = 1"], CODE).hashes.tolist() == [9432580661011263528]
    assert shingle_sets(["東京 a b c"], TEXT).hashes.tolist() == [7468984910046951723]


def test_words_of_text() -> None:
    assert words("Hello, WORLD! don't") == ["hello", "world", "don", "t"]
    assert words("\ufb01ne １２") == ["fine", "12"]
    assert words("日本語 text") == ["日", "本", "語", "text"]
    assert words("co\u00adoperate") == ["cooperate"]
    assert words("…—!") == []


def test_tokens_of_code() -> None:
    assert words("x_1 += foo(A[2]); // é", True) == ["x_1", "+=", "foo", "(", "A", "[", "2", "]", ")", ";", "//", "é"]
    assert words("a==b", True) == words("a == b\r\n", True)


@pytest.mark.parametrize("text", ["Returns the name.", "x", "one two three four", "日本"])
def test_short_text_is_one_shingle_of_the_whole(text: str) -> None:
    sets = shingle_sets([text, text + " more", text], TEXT)
    assert sets.sizes().tolist()[0] == 1
    assert sets[0].tolist() == sets[2].tolist() != sets[1].tolist()


def test_text_without_words_is_one_shingle_and_an_empty_one_has_none() -> None:
    sets = shingle_sets(["...", "!!!", "", " \n\t"], TEXT)
    assert sets.sizes().tolist() == [1, 1, 0, 0]
    assert sets[0][0] != sets[1][0]


def test_text_and_code_share_no_shingle() -> None:
    same = "alpha beta gamma delta epsilon zeta"
    assert not np.intersect1d(shingle_sets([same], TEXT).hashes, shingle_sets([same], CODE).hashes).size


def test_sets_are_hashes_of_distinct_word_windows_on_real_length_text() -> None:
    rng = random.Random(1)
    texts = [" ".join(f"w{rng.randrange(300)}" for _ in range(rng.randrange(1, 900))) for _ in range(60)]
    sets = shingle_sets(texts, TEXT)
    for i, text in enumerate(texts):
        found = text.split()
        strings = {tuple(found[j : j + 5]) for j in range(max(1, len(found) - 4))}
        assert sets.sizes()[i] == len(strings)


def test_union_and_take() -> None:
    left = shingle_sets(["a b c d e f", "", "x"], TEXT)
    right = shingle_sets(["b c d e f g", "q", ""], TEXT)
    joint = distinct(join_runs(left, right))
    for i in range(3):
        assert joint[i].tolist() == sorted(set(left[i].tolist()) | set(right[i].tolist()))
    taken = take_runs(joint, np.array([2, 0, 0]))
    assert [taken[i].tolist() for i in range(3)] == [joint[2].tolist(), joint[0].tolist(), joint[0].tolist()]
    assert len(shingle_sets([], TEXT)) == 0


def test_a_rule_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="size 1 or more"):
        ShingleRule(False, 0)
