"""Rules of dedupe, a test a case: short texts, what near-duplicates are told by, captures of one page."""

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import dedupe
from schemas.pair import Pair, Provenance, make_pair
from schemas.pair_set import read_manifest, read_pair_set

MakePairSet = Callable[..., Path]
WORDS = [f"word{i}" for i in range(4000)]


def pair(anchor: str, positive: str, place: int, kind: str = "neighbor_text", **provenance: str) -> Pair:
    return make_pair(
        kind=kind,
        language="en",
        anchor=anchor,
        positive=positive,
        place=("file", place),
        group=f"group{place}",
        provenance=Provenance(**provenance),
    )


def text(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def run(folder: Path, source: Path, *flags: str) -> tuple[list[str], dict[str, dict]]:
    """(row_ids that stay, evidence by removed row_id)."""
    shares = ("--validation-share", "0", "--test-share", "0", "--max-per-positive", "1000", "--quiet")
    assert dedupe.main(["--input", str(source), "--output", str(folder), *shares, *flags]) == 0
    kept = read_pair_set(str(folder)).to_table().column("row_id").to_pylist()
    found = [row for path in (folder / "evidence").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return kept, {row["removed_row_id"]: row for row in found}


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (("Returns the name.", "a"), ("returns, the NAME", "a"), "near_duplicate"),
        (("Returns the name.", "a"), ("Returns the size.", "a"), None),
        (("Returns the name.", "a"), ("Returns the name.", "b"), None),
        (("one two three four five", "a"), ("one two three four", "a"), None),
        (("...", "!!"), ("...", "!!"), "same_pair"),
        (("...", "!!"), ("---", "!!"), None),
        (("日本", "東京"), ("日本", "東京"), "same_pair"),
        (("日本", "東京"), ("日木", "東京"), None),
        (("ﬁne", "１２"), ("FINE", "12"), "near_duplicate"),
    ],
)
def test_short_texts_are_duplicates_of_themselves_alone(
    tmp_path: Path, make_pair_set: MakePairSet, first: tuple, second: tuple, reason: str | None
) -> None:
    pairs = [pair(*first, 0), pair(*second, 1)]
    kept, evidence = run(tmp_path / "out", make_pair_set(pairs))
    assert [row["reason"] for row in evidence.values()] == ([reason] if reason else [])
    assert len(kept) == 2 - len(evidence)


@pytest.mark.parametrize("blank", ["\u200b", "\u00ad\u200d"])
def test_a_side_without_a_visible_sign_is_empty(tmp_path: Path, make_pair_set: MakePairSet, blank: str) -> None:
    """Format characters count as absent; `make_pair` refuses white space alone before it comes here."""
    kept, evidence = run(tmp_path / "out", make_pair_set([pair(blank, "text", 0), pair("text", "text", 1)]))
    assert len(kept) + len(evidence) == 2
    assert {row["reason"] for row in evidence.values()} <= {"empty_side"}


@pytest.mark.parametrize("kind", ["neighbor_text", "docstring_code"])
def test_on_says_what_near_duplicates_are_told_by(tmp_path: Path, make_pair_set: MakePairSet, kind: str) -> None:
    rng = random.Random(3)
    anchors, positives = [text(rng, 60) for _ in range(3)], [text(rng, 200) for _ in range(3)]
    pairs = [
        pair(anchors[0], positives[0], 0, kind),
        pair(anchors[0] + " more", positives[1], 1, kind),
        pair(anchors[1], positives[0] + " more", 2, kind),
        pair(anchors[2], positives[2], 3, kind),
        pair(anchors[2] + " more", positives[2] + " more", 4, kind),
    ]
    source = make_pair_set(pairs)
    places = {row.row_id: place for place, row in enumerate(pairs)}
    for side, gone in (("anchor", 2), ("positive", 2), ("joint", 1)):
        kept, evidence = run(tmp_path / side, source, "--on", side)
        assert len(kept) == 5 - gone, side
        assert {row["side"] for row in evidence.values()} == {side}
        ends = {frozenset((places[r["removed_row_id"]], places[r["kept_row_id"]])) for r in evidence.values()}
        assert (
            ends
            == {
                "anchor": {frozenset((0, 1)), frozenset((3, 4))},
                "positive": {frozenset((0, 2)), frozenset((3, 4))},
                "joint": {frozenset((3, 4))},
            }[side]
        )
    config = read_manifest(str(tmp_path / "anchor")).config
    assert (config["text_on"], config["code_on"]) == ("anchor", "anchor")


def test_text_and_code_by_the_same_side(tmp_path: Path, make_pair_set: MakePairSet) -> None:
    rng = random.Random(5)
    same, other = text(rng, 100), text(rng, 100)
    pairs = [
        pair("a b c d e f", same, 0),
        pair("g h i j k l", same + " x", 1),
        pair("m n o p q r", other, 2, "docstring_code"),
        pair("s t u v w x", other + " x", 3, "docstring_code"),
    ]
    kept, evidence = run(tmp_path / "out", make_pair_set(pairs), "--on", "positive")
    assert len(kept) == 2 and len(evidence) == 2


def test_of_captures_of_one_page_the_latest_stays(tmp_path: Path, make_pair_set: MakePairSet) -> None:
    rng = random.Random(4)
    anchor, positive = text(rng, 100), text(rng, 100)
    page = {"url": "https://a.example/page?utm_source=x", "date": "2020-01-01T00:00:00Z", "license": "CC-BY-4.0"}
    later = {"url": "http://A.example:80/page".replace("http://A.example:80", "https://A.EXAMPLE:443")}
    pairs = [
        pair(anchor, positive, 0, **page),
        pair(anchor, positive + " changed", 1, **later, date="2024-01-01T00:00:00Z"),
        pair(anchor, positive + " elsewhere", 2, url="https://b.example/page", date="2025-01-01T00:00:00Z"),
    ]
    kept, _ = run(tmp_path / "out", make_pair_set(pairs))
    assert kept == [pairs[1].row_id]
    kept, _ = run(tmp_path / "without", make_pair_set([pairs[0], pairs[2]]))
    assert kept == [pairs[0].row_id]
