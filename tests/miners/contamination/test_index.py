"""The index against plain sets of strings, and the lengths at which a resemblance counts."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.contamination import ContaminationRules, build_index
from miners.contamination.index import CODE_LENGTHS, MOST_ITEMS, TEXT_LENGTHS
from miners.near_duplicates import CODE, TEXT, ShingleRule, shingle_sets
from miners.near_duplicates.words import words

RULES = ContaminationRules()


def find(items: list[str], sides: list[str], rule: ShingleRule = TEXT, rules: ContaminationRules = RULES) -> dict:
    found = build_index(items, rule).find(shingle_sets(sides, rule), rules)
    pairs = zip(found.rows.tolist(), found.items.tolist(), strict=True)
    return dict(zip(pairs, found.overlaps.tolist(), strict=True))


def plain(items: list[str], sides: list[str], rule: ShingleRule, threshold: float) -> dict:
    """The same by sets of strings."""

    def shingles(text: str) -> frozenset:
        cut = words(text, rule.is_code)
        return frozenset(tuple(cut[i : i + rule.size]) for i in range(max(1, len(cut) - rule.size + 1)) if cut)

    least = CODE_LENGTHS if rule.is_code else TEXT_LENGTHS
    found = {}
    for i, side in enumerate(map(shingles, sides)):
        for j, item in enumerate(map(shingles, items)):
            shared = len(side & item)
            if not shared:
                continue
            item_words = len(item) + rule.size - 1
            contained = shared / len(item)
            if (item_words < least.whole and shared < len(item)) or (item_words < least.inside and shared < len(side)):
                contained = 0.0
            taken = shared / len(side) if len(side) + rule.size - 1 >= least.side else 0.0
            if max(contained, taken) >= threshold:
                found[i, j] = max(contained, taken)
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.5, 0.8, 1.0]))
def test_finds_what_plain_sets_find(seed: int, is_code: bool, threshold: float) -> None:
    rng = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(rng.choice([8, 300]))]
    rule = CODE if is_code else TEXT

    def text(least: int, most: int) -> list[str]:
        return rng.choices(vocabulary, k=rng.randint(least, most))

    items = [text(1, 60) for _ in range(12)]
    sides = [text(1, 90) for _ in range(6)]
    for item in items:
        before, after = text(0, 30), text(0, 30)
        changed = [rng.choice(vocabulary) if rng.random() < 0.05 else word for word in item]
        sides.append(before + changed + after)
        sides.append(item[rng.randint(0, 5) :])
    plain_items, plain_sides = [" ".join(i) for i in items], [" ".join(s) for s in sides]
    found = find(plain_items, plain_sides, rule, ContaminationRules(threshold))
    assert found == pytest.approx(plain(plain_items, plain_sides, rule, threshold))


def test_a_short_text_must_be_there_whole_and_a_very_short_one_must_be_the_side() -> None:
    side = "one thing leads to another and so the story of a short query goes on and on for a while longer"
    assert find(["the story of a short query"], [side]) == {(0, 0): 1.0}
    assert find(["the story of a long query"], [side]) == {}
    assert find(["short query"], [side, "Short query!"]) == {(1, 0): 1.0}


def test_a_side_taken_from_a_long_text_counts_from_thirteen_words_on() -> None:
    text = " ".join(f"w{i}" for i in range(200))
    assert find([text], [" ".join(f"w{i}" for i in range(50, 63))]) == {(0, 0): 1.0}
    assert find([text], [" ".join(f"w{i}" for i in range(50, 62))]) == {}


def test_short_code_counts_only_as_the_whole_function() -> None:
    short = "def size(self): return 0"
    longer = f"class A:\n    {short}\n    def other(self, x, y): return self.x + x * y - self.z\n"
    assert find([short], [short, longer], CODE) == {(0, 0): 1.0}


def test_what_most_texts_share_tells_none_from_another() -> None:
    frame = "all rights are reserved by the owners of this great and famous site"
    items = [f"{frame} and the text numbered {i} speaks of {i + 1} {i + 2} {i + 3}" for i in range(MOST_ITEMS + 50)]
    found = find(items, [f"{frame} forever", items[7]])
    assert found == {(1, 7): 1.0}


def test_empty_texts_and_an_empty_index_find_nothing() -> None:
    assert find([], ["some words that are here"]) == {}
    assert find(["", "  "], ["", "some words that are here"]) == {}
    assert len(build_index(iter(()), TEXT).sizes) == 0


def test_too_many_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miners.contamination.index.MOST_SHINGLES", 100)
    with pytest.raises(ValueError, match="give fewer of them"):
        build_index((" ".join(f"a{i}{j}" for j in range(20)) for i in range(20)), TEXT)


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": 1.1}, {"commonplace_groups": 0}])
def test_impossible_rules_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        ContaminationRules(**wrong)


def test_the_filter_lets_every_shingle_of_the_index_through() -> None:
    index = build_index([" ".join(f"a{i}" for i in range(300))], TEXT)
    assert index.present[index.shingles & np.uint64(len(index.present) - 1)].all()
