"""`pairmill merge`: what two sets hold stands once, nothing leaks between them, and the rest is as it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from pipelines import dedupe, merge_pairs, remove, select_pairs
from pipelines.input_sets import SetFile
from pipelines.merging import Merging, joined_clusters
from pipelines.removed_rows import NOTHING_REMOVED
from schemas import Pair, verify
from schemas.manifest import Manifest
from schemas.pair import SPLITS, pairs_to_table
from schemas.pair_set import read_manifest, read_pair_set
from tests.pipelines.made_pairs import pair

MakePairSet = Callable[..., Path]
WORDS = [f"word{i}" for i in range(3000)]
SHARES = ("--validation-share", "0.2", "--test-share", "0.2", "--quiet")


def text(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=25))


def merge(output: Path, *inputs: Path, flags: tuple[str, ...] = (), status: int = 0) -> Path:
    command = ["--input", *map(str, inputs), "--output", str(output), "--quiet", *flags]
    assert merge_pairs.main(command) == status
    return output


def cleaned(output: Path, *inputs: Path, flags: tuple[str, ...] = SHARES) -> Path:
    assert dedupe.main(["--input", *map(str, inputs), "--output", str(output), *flags]) == 0
    return output


def rows(folder: Path, split: str | None = None) -> list[dict]:
    return read_pair_set(folder, split).to_table().to_pylist()


def evidence(folder: Path) -> dict[str, dict]:
    found = [row for path in (folder / "evidence").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return {row["removed_row_id"]: row for row in found}


def dropped(manifest: Manifest) -> dict[str, int]:
    return {reason: n for stage in manifest.ledger["stages"].values() for reason, n in stage["dropped"].items()}


@pytest.fixture
def clean(tmp_path: Path, make_pair_set: MakePairSet) -> Path:
    rng = random.Random(1)
    pairs = [pair(text(rng), text(rng), i, f"group{i % 40}") for i in range(240)]
    return cleaned(tmp_path / "clean", make_pair_set(pairs, files=2), flags=(*SHARES, "--shards", "4"))


def test_halves_that_overlap_become_the_whole_again(clean: Path, tmp_path: Path) -> None:
    halves = []
    for seed in ("0", "1"):
        halves.append(tmp_path / f"half{seed}")
        flags = ["--sample", "70%", "--seed", seed, "--quiet"]
        assert select_pairs.main(["--input", str(clean), "--output", str(halves[-1]), *flags]) == 0
    out = merge(tmp_path / "out", *halves)
    assert not list(verify.faults(str(out)))
    parts = [{row["row_id"]: row for row in rows(half)} for half in halves]
    both = parts[0].keys() & parts[1].keys()
    assert {row["row_id"]: row for row in rows(out)} == parts[0] | parts[1]
    manifest = read_manifest(out)
    assert dropped(manifest) == {"same_row": len(both)}
    assert {row_id: found["kept_row_id"] for row_id, found in evidence(out).items()} == {key: key for key in both}
    for split in SPLITS:
        assert {row["row_id"] for row in rows(out, split)} == {
            row["row_id"] for half in halves for row in rows(half, split)
        }
    by_id = sorted(halves, key=lambda half: read_manifest(half).data_id)
    order = [row["row_id"] for half in by_id for row in rows(half, "train")]
    assert [row["row_id"] for row in rows(out, "train")] == list(dict.fromkeys(order))
    assert read_manifest(merge(tmp_path / "turned", *halves[::-1])).data_id == manifest.data_id
    loaded = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: len(loaded[split]) for split in loaded} == manifest.splits
    assert manifest.parents == tuple(read_manifest(half).as_parent() for half in by_id)


def test_a_merged_set_serves_an_increment_of_dedupe(clean: Path, tmp_path: Path, make_pair_set: MakePairSet) -> None:
    """Its signatures, splits and settings are those of the sets it was made of."""
    rng = random.Random(5)
    fresh = make_pair_set([pair(text(rng), text(rng), i, f"fresh{i % 20}", "more") for i in range(60)])
    second = cleaned(tmp_path / "second", fresh, flags=(*SHARES, "--existing", str(clean)))
    out = merge(tmp_path / "out", clean, second)
    assert dropped(read_manifest(out)) == {} and not list(verify.faults(str(out)))
    again = [pair(row["anchor"], row["positive"], i, "elsewhere", "again") for i, row in enumerate(rows(out))]
    new = [pair(text(rng), text(rng), i, f"new{i}", "new") for i in range(30)]
    third = cleaned(tmp_path / "third", make_pair_set([*again, *new]), flags=(*SHARES, "--existing", str(out)))
    assert {row["row_id"] for row in rows(third)} == {row.row_id for row in new}
    assert {found["kept_set"] for found in evidence(third).values()} == {read_manifest(out).data_id}


@pytest.mark.slow
def test_contents_of_two_mined_sets_stand_once_and_copies_within_one_stay(tmp_path: Path, make_pair_set: MakePairSet):
    rng = random.Random(3)
    texts = [(text(rng), text(rng)) for _ in range(30)]
    one = [pair(*texts[i % 20], i, "a", "one") for i in range(25)]
    two = [pair(*texts[i], i, "b", "two") for i in range(10, 30)]
    sets = [make_pair_set(one, files=2), make_pair_set([*two, one[24]])]
    first, second = sorted(sets, key=lambda folder: read_manifest(folder).data_id)
    outs = [merge(tmp_path / workers, *sets, flags=("--workers", workers)) for workers in ("1", "2")]
    held = {row["pair_id"] for row in rows(first)}
    expected = [*rows(first), *(row for row in rows(second) if row["pair_id"] not in held)]
    for out in outs:
        assert rows(out) == expected and not list(verify.faults(str(out)))
    counts = dropped(read_manifest(outs[0]))
    shared_row = one[24].row_id
    found = evidence(outs[0])
    assert counts["same_row"] == 1 and found[shared_row]["rule"] == "row_id" and found[shared_row]["stage"] == "exact"
    assert counts["same_pair"] == len(rows(first)) + len(rows(second)) - len(expected) - 1
    by_id = {row["row_id"]: row for row in rows(outs[0])}
    for removed in found.values():
        assert by_id[removed["kept_row_id"]]["pair_id"] == removed["removed_pair_id"] == removed["kept_pair_id"]


def test_nothing_leaks_between_sets_that_were_split_by_one_key(
    clean: Path, tmp_path: Path, make_pair_set: MakePairSet
) -> None:
    """Sides of one set planted in another one, each in every other split, also as the other side."""
    rng = random.Random(9)
    by_split = {split: rows(clean, split) for split in SPLITS}
    groups = {split: by_split[split][0]["group"] for split in SPLITS}
    planted, expected = [], {}
    for place, (mine, theirs) in enumerate((a, b) for a in SPLITS for b in SPLITS if a != b):
        row = by_split[theirs][place]
        made = pair(row["positive"], text(rng), place, groups[mine], "planted")
        planted.append(made)
        if SPLITS.index(mine) < SPLITS.index(theirs):
            later, earlier = row["row_id"], made.row_id
        else:
            later, earlier = made.row_id, row["row_id"]
        expected[later] = earlier
    harmless = [pair(text(rng), text(rng), 100 + i, groups[SPLITS[i % 3]], "planted") for i in range(60)]
    other = cleaned(tmp_path / "other", make_pair_set([*planted, *harmless]))
    out = merge(tmp_path / "out", clean, other)
    assert not list(verify.faults(str(out)))
    found = evidence(out)
    assert {row_id: row["kept_row_id"] for row_id, row in found.items()} == expected
    assert {(row["stage"], row["reason"], row["rule"]) for row in found.values()} == {
        ("split", "split_leak", "side_hash")
    }
    sides = {
        split: {row[side] for row in rows(out, split) for side in ("anchor_hash", "positive_hash")} for split in SPLITS
    }
    assert not sides["train"] & sides["test"] and not sides["train"] & sides["validation"]
    assert not sides["validation"] & sides["test"]


def test_clusters_that_share_a_content_become_one(tmp_path: Path) -> None:
    """A row that was near a copy which goes is near the row that stays for it, and must never be its negative."""
    rows = [
        [pair("a", "b", 0, "g", "one"), pair("c", "d", 1, "g", "one"), pair("e", "f", 2, "g", "one")],
        [pair("c", "d", 3, "g", "two"), pair("g", "h", 4, "g", "two"), pair("i", "j", 5, "g", "two")],
    ]
    clusters = [[-4, -4, 50], [7, 7, 60]]
    tables = []
    for pairs, names in zip(rows, clusters, strict=True):
        table = pairs_to_table(pairs)
        place = table.schema.get_field_index("cluster")
        tables.append(table.set_column(place, table.schema.field("cluster"), pa.array(names)))
    files = [SetFile(i, i, "", "", "train", 3, 0, "", False) for i in range(2)]
    rules = Merging(NOTHING_REMOVED, False)
    for file, table in zip(files, tables, strict=True):
        rules.survey(file, [table], str(tmp_path))
    assert rules.settle(files, str(tmp_path)) == {"clusters_joined": 1}
    left = []
    for file, table in zip(files, tables, strict=True):
        begun = rules.begin(file, str(tmp_path))
        left += begun.changed(table.filter(pa.array(begun.codes(table) == 0)))["cluster"].to_pylist()
    assert left == [7, 7, 50, 7, 60]


@given(st.lists(st.tuples(st.integers(-5, 9), st.integers(-5, 9)), max_size=12))
def test_joined_clusters_take_their_smallest_name(edges: list[tuple[int, int]]) -> None:
    changed = {row["old"]: row["new"] for row in joined_clusters(np.array(edges, np.int64).reshape(-1, 2))}
    members = {name: {name} for edge in edges for name in edge}
    for left, right in edges:
        union = members[left] | members[right]
        for name in union:
            members[name] = union
    for name, component in members.items():
        smallest = min(component, key=lambda member: member % 2**64)
        assert changed.get(name, name) == smallest


@st.composite
def small_sets(draw: st.DrawFn) -> list[tuple[int, str, Pair]]:
    """(set, split, row): few texts and groups, so that sets share them."""
    sides = st.sampled_from([f"side {i}" for i in range(9)])
    group = st.sampled_from(["g0", "g1", "g2", "g3"])
    row = st.tuples(st.integers(0, 2), st.sampled_from(SPLITS), sides, sides, group)
    return [
        (number, split, pair(left, right, place % 5, where, f"set{number}"))
        for place, (number, split, left, right, where) in enumerate(draw(st.lists(row, max_size=14)))
    ]


def survivors(planted: list[tuple[int, str, Pair]]) -> set[int]:
    """The definition, row by row: places of the rows that stay."""
    priority = {split: place for place, split in enumerate(SPLITS)}
    left = set(range(len(planted)))
    for content in {row.pair_id for *_, row in planted}:
        same = [i for i in left if planted[i][2].pair_id == content]
        best = min((priority[planted[i][1]], planted[i][0]) for i in same)[1]
        left -= {i for i in same if planted[i][0] != best}

    def names(row: Pair) -> set[object]:
        return {row.anchor_hash, row.positive_hash, ("group", row.group)}

    for split in SPLITS[1:]:
        left -= {
            i
            for i in left
            if planted[i][1] == split
            and any(
                planted[j][0] != planted[i][0]
                and priority[planted[j][1]] < priority[split]
                and names(planted[i][2]) & names(planted[j][2])
                for j in left
            )
        }
    return left


@given(planted=small_sets(), bits=st.sampled_from((0, 3)))
def test_what_stays_is_what_the_definition_says(tmp_path_factory, planted, bits) -> None:
    temporary = str(tmp_path_factory.mktemp("rules"))
    places = sorted({(number, SPLITS.index(split)) for number, split, _ in planted})
    files, tables, where = [], [], []
    for number, split in places:
        mine = [i for i, (a, b, _) in enumerate(planted) if (a, b) == (number, SPLITS[split])]
        tables.append(pairs_to_table([planted[i][2] for i in mine]))
        where.append(mine)
        files.append(SetFile(len(files), number, "", "", SPLITS[split], len(mine), 0, "", False))
    rules = Merging(NOTHING_REMOVED, True, bits)
    for file, table in zip(files, tables, strict=True):
        rules.survey(file, [table.slice(0, 1), table.slice(1)], temporary)
    rules.settle(files, temporary)
    kept = set()
    for file, table, mine in zip(files, tables, where, strict=True):
        begun = rules.begin(file, temporary)
        codes = np.concatenate([begun.codes(table.slice(0, 2)), begun.codes(table.slice(2))])
        kept |= {mine[i] for i in np.flatnonzero(codes == 0)}
        assert begun.evidence().num_rows == int((codes > 0).sum())
    assert kept == survivors(planted)


def test_sets_that_were_split_in_other_ways_are_refused_with_the_mend(
    clean: Path, tmp_path: Path, make_pair_set: MakePairSet, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(13)
    mined = make_pair_set([pair(text(rng), text(rng), i, f"group{i}", "mined") for i in range(60)])
    other = cleaned(tmp_path / "other", mined, flags=(*SHARES, "--split-key", "else"))
    merge(tmp_path / "out", clean, other, status=2)
    assert "split_key" in (said := capsys.readouterr().err) and "pairmill dedupe --input" in said
    merge(tmp_path / "out", clean, mined, status=2)
    assert f"pairmill dedupe --input {mined} --existing {clean}" in capsys.readouterr().err
    merge(tmp_path / "out", clean, status=2)
    assert "two sets or more" in capsys.readouterr().err
    merge(tmp_path / "out", clean, clean, status=2)
    assert "two sets or more" in capsys.readouterr().err
    merge(clean, clean, mined, status=2)
    assert "is one of the inputs" in capsys.readouterr().err
    merge(tmp_path / "out", mined, tmp_path / "nowhere", status=2)
    assert "is no finished pair set" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_name_for_the_same_rows_is_refused(tmp_path: Path, make_pair_set: MakePairSet, capsys) -> None:
    pairs = [pair(f"anchor {i}", f"positive {i}", i, "g") for i in range(5)]
    merge(tmp_path / "out", make_pair_set(pairs), make_pair_set(pairs, files=2), status=2)
    assert "hold the same rows" in capsys.readouterr().err


def test_what_was_removed_from_one_set_does_not_come_back_from_another(tmp_path: Path, make_pair_set: MakePairSet):
    pairs = [pair(f"anchor {i}", f"positive {i}", i, "g") for i in range(8)]
    whole, part = make_pair_set(pairs), make_pair_set(pairs[:5])
    (tmp_path / "ids").write_text(f"{pairs[2].row_id}\n")
    assert remove.main(["--input", str(part), "--ids", str(tmp_path / "ids"), "--quiet"]) == 0
    out = merge(tmp_path / "out", whole, part)
    assert not list(verify.faults(str(out)))
    assert {row["row_id"] for row in rows(out)} == {row.row_id for row in pairs} - {pairs[2].row_id}
    assert dropped(read_manifest(out)) == {"removed": 1, "same_row": 4}
    assert evidence(out)[pairs[2].row_id]["kept_row_id"] is None
    again = merge(tmp_path / "again", make_pair_set(pairs[2:3]), out)
    assert dropped(read_manifest(again)) == {"removed": 1} and not list(verify.faults(str(again)))
