"""`dedupe --existing`: what an earlier set holds is left out, nothing leaks across both, and the earlier one stays."""

import hashlib
import itertools
import random
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from miners.near_duplicates.words import words
from pipelines import dedupe
from schemas import verify
from schemas.pair_set import read_manifest, read_pair_set
from schemas.split import split_of
from tests.pipelines.made_pairs import pair

MakePairSet = Callable[..., Path]
VOCABULARY = [f"word{i}" for i in range(4000)]
SPLITS = ("--validation-share", "0.2", "--test-share", "0.2", "--quiet")


def text(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(VOCABULARY, k=count))


def edited(rng: random.Random, side: str, edits: int) -> str:
    tokens = side.split()
    for place in rng.sample(range(len(tokens)), edits):
        tokens[place] = rng.choice(VOCABULARY)
    return " ".join(tokens)


def run(output: Path, *inputs: Path, flags: tuple[str, ...] = (), status: int = 0) -> Path:
    assert dedupe.main(["--input", *map(str, inputs), "--output", str(output), *SPLITS, *flags]) == status
    return output


def rows(folder: Path, split: str | None = None) -> list[dict]:
    return read_pair_set(str(folder), split).to_table().to_pylist()


def evidence(folder: Path) -> dict[str, dict]:
    found = [row for path in (folder / "evidence").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return {row["removed_row_id"]: row for row in found}


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def group_in(split: str) -> str:
    return next(f"g{i}" for i in itertools.count() if split_of(f"g{i}", "pairmill", 0.2, 0.2) == split)


@cache
def shingles(side: str) -> frozenset:
    found = words(side)
    return frozenset(tuple(found[i : i + 5]) for i in range(max(1, len(found) - 4)))


def similarity(left: frozenset, right: frozenset) -> float:
    return len(left & right) / len(left | right)


@pytest.fixture
def old(tmp_path: Path, make_pair_set: MakePairSet) -> Path:
    rng = random.Random(1)
    pairs = [pair(text(rng, 30), text(rng, 40), i, f"group{i % 40}") for i in range(300)]
    return run(tmp_path / "old", make_pair_set(pairs, name="old-input", files=3))


def test_an_increment_repeats_nothing_leaks_nothing_and_changes_nothing(
    tmp_path: Path, old: Path, make_pair_set: MakePairSet
) -> None:
    rng = random.Random(2)
    before = contents(old)
    data_id = read_manifest(str(old)).data_id
    known = rows(old)
    by_split = {split: rows(old, split) for split in ("train", "validation", "test")}
    copies = [pair(r["anchor"], r["positive"], i, "other.org", "new") for i, r in enumerate(known[:20])]
    near = [
        pair(edited(rng, r["anchor"], 1), r["positive"], 100 + i, "other.org", "new")
        for i, r in enumerate(known[20:40])
    ]
    # Against every split of the old set, from a group of every other one.
    leaks = [
        pair(text(rng, 30), edited(rng, row["positive"], 1), 200 + number, group_in(mine), "new")
        for number, (mine, theirs) in enumerate(itertools.permutations(by_split, 2))
        for row in by_split[theirs][-1:]
    ]
    sides = [
        pair(by_split["test"][-2]["positive"], text(rng, 30), 300, group_in("train"), "new"),
        pair(text(rng, 30), by_split["train"][-2]["anchor"], 301, group_in("test"), "new"),
    ]
    fresh = [pair(text(rng, 30), text(rng, 40), 400 + i, f"fresh{i % 30}", "new") for i in range(120)]
    made = [*copies, *near, *leaks, *sides, *fresh]
    new = run(tmp_path / "new", make_pair_set(made, name="new-input"), flags=("--existing", str(old)))

    assert contents(old) == before
    assert not list(verify.faults(str(new)))
    assert {row["row_id"] for row in rows(new)} == {row.row_id for row in fresh}
    removed = evidence(new)
    assert {row["kept_set"] for row in removed.values()} == {data_id}
    reasons = {
        **dict.fromkeys((row.row_id for row in copies), ("same_pair", "joint")),
        **dict.fromkeys((row.row_id for row in near), ("near_duplicate", "joint")),
        **dict.fromkeys((row.row_id for row in leaks), ("split_leak", "positive")),
    }
    assert {row_id: (removed[row_id]["reason"], removed[row_id]["side"]) for row_id in reasons} == reasons
    assert [removed[row.row_id]["rule"] for row in sides] == ["side_hash", "side_hash"]
    assert {removed[row.row_id]["kept_row_id"] for row in copies} == {row["row_id"] for row in known[:20]}
    assert read_manifest(str(new)).config["existing"] == [data_id]


def test_random_increments_hold_against_every_pair_of_rows(
    tmp_path: Path, old: Path, make_pair_set: MakePairSet
) -> None:
    rng = random.Random(3)
    known = rows(old)
    made = []
    for place in range(200):
        row = rng.choice(known)
        anchor, positive = (
            edited(rng, row[side], rng.randrange(12)) if rng.random() < 0.6 else text(rng, 30)
            for side in ("anchor", "positive")
        )
        made.append(pair(anchor, positive, place, f"group{rng.randrange(60)}", "new"))
    new = run(tmp_path / "new", make_pair_set(made, name="new-input"), flags=("--existing", str(old)))
    splits = {
        row["row_id"]: split
        for folder in (old, new)
        for split in ("train", "validation", "test")
        for row in rows(folder, split)
    }
    for mine, theirs in itertools.product(rows(new), known):
        sets = [[shingles(row[side]) for side in ("anchor", "positive")] for row in (mine, theirs)]
        found = [similarity(*pair) for pair in zip(*sets, strict=True)]
        joint = similarity(*(one | other for one, other in sets))
        # The bands promise what lies above a threshold with a margin: 0.8 and 0.6 themselves are found with .9.
        assert joint < 0.85
        if splits[mine["row_id"]] != splits[theirs["row_id"]]:
            assert max(*found, joint) < 0.7
            hashes = [{row["anchor_hash"], row["positive_hash"]} for row in (mine, theirs)]
            assert not hashes[0] & hashes[1]
    removed = evidence(new)
    assert len(removed) + len(rows(new)) == 200 and 20 < len(rows(new)) < 190
    assert not {row["removed_row_id"] for row in removed.values()} & {row["row_id"] for row in known}


def test_what_stays_beside_a_near_row_of_the_earlier_set_takes_its_cluster(
    tmp_path: Path, make_pair_set: MakePairSet
) -> None:
    rng = random.Random(4)
    group = group_in("train")
    anchor, positive = text(rng, 60), text(rng, 60)
    first = [pair(anchor, positive, 0, group), *(pair(text(rng, 30), text(rng, 30), i, f"g{i}") for i in range(1, 30))]
    old = run(tmp_path / "old", make_pair_set(first, name="old-input"))
    # A chain: the middle one goes for the old row, the last one stays, and its cluster reaches to the old row.
    middle = pair(edited(rng, anchor, 1), edited(rng, positive, 1), 0, group, "new")
    last = pair(edited(rng, middle.anchor, 1), edited(rng, middle.positive, 2), 1, group, "new")
    others = [pair(text(rng, 30), text(rng, 30), i, f"g{i}", "new") for i in range(2, 30)]
    flags = ("--existing", str(old), "--threshold", "0.75")
    new = run(tmp_path / "new", make_pair_set([middle, last, *others], name="new-input"), flags=flags)
    kept = {row["row_id"]: row["cluster"] for row in rows(new)}
    theirs = next(row["cluster"] for row in rows(old) if row["row_id"] == first[0].row_id)
    assert middle.row_id not in kept and kept[last.row_id] == theirs


@pytest.mark.slow
def test_workers_change_nothing_of_an_increment(tmp_path: Path, old: Path, make_pair_set: MakePairSet) -> None:
    rng = random.Random(5)
    known = rows(old)
    made = [
        pair(edited(rng, r["anchor"], i % 9), r["positive"], i, f"group{i % 50}", "new")
        for i, r in enumerate(known[:150])
    ]
    given = make_pair_set(made, name="new-input", files=4)
    ids = set()
    for number, workers in enumerate(("1", "2")):
        flags = ("--existing", str(old), "--workers", workers, "--max-source-loss", "1")
        ids.add(read_manifest(str(run(tmp_path / f"new{number}", given, flags=flags))).data_id)
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--split-key", "another"), "split_key"),
        (("--test-share", "0.1"), "test_share"),
    ],
)
def test_an_increment_needs_the_same_split(
    tmp_path: Path, old: Path, make_pair_set: MakePairSet, capsys: pytest.CaptureFixture, flags: tuple, told: str
) -> None:
    run(tmp_path / "new", make_pair_set(30), flags=("--existing", str(old), *flags), status=2)
    assert told in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_what_cannot_be_an_earlier_set_is_refused(
    tmp_path: Path, old: Path, make_pair_set: MakePairSet, capsys: pytest.CaptureFixture
) -> None:
    mined = make_pair_set(30)
    run(tmp_path / "new", mined, flags=("--existing", str(make_pair_set(20, name="mined"))), status=2)
    assert "dedupe it first" in capsys.readouterr().err
    run(tmp_path / "new", mined, flags=("--existing", str(tmp_path / "nothing")), status=2)
    assert "nothing" in capsys.readouterr().err
    run(tmp_path / "new", old, flags=("--existing", str(old)), status=2)
    assert "name each folder once" in capsys.readouterr().err
    shutil.rmtree(old / "signatures")
    run(tmp_path / "new", mined, flags=("--existing", str(old)), status=2)
    assert "signatures" in capsys.readouterr().err
