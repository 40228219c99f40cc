"""`pairmill select`: its rows are those of a plain filter, in their order and split, with all that goes with them."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines import dedupe, select_pairs
from schemas import Provenance, make_pair, verify
from schemas.manifest import Manifest
from schemas.pair_set import read_manifest, read_pair_set
from schemas.scores import SCORES_SCHEMA

WORDS = [f"word{i}" for i in range(3000)]


def made_pairs(count: int = 400) -> list:
    """Text and code of several languages, in groups of different sizes."""
    rng = random.Random(7)
    pairs = []
    for i in range(count):
        is_code = i % 3 == 0
        group = f"group{int(rng.random() ** 2 * 60)}"
        pairs.append(
            make_pair(
                kind="docstring_code" if is_code else "neighbor_text",
                language=("python", "go")[i % 2] if is_code else ("en", "de", "fr")[i % 5 % 3],
                anchor=" ".join(rng.choices(WORDS, k=rng.randint(6, 30))),
                positive=" ".join(rng.choices(WORDS, k=40)),
                place=("file", i),
                group=group,
                provenance=Provenance(license=("MIT", None, "Apache-2.0")[i % 3], repo=group if is_code else None),
            )
        )
    return pairs


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deduplicated set of three splits, several files each."""
    folder = tmp_path_factory.mktemp("select")
    rows = [(pair.kind, pair.language, pair) for pair in made_pairs()]
    table = folder / "pairs.parquet"
    columns = {
        "anchor": [pair.anchor for *_, pair in rows],
        "positive": [pair.positive for *_, pair in rows],
        "kind": [kind for kind, *_ in rows],
        "language": [language for _, language, _ in rows],
        "group": [pair.group for *_, pair in rows],
    }
    pq.write_table(pa.table(columns), table)
    shares = ("--validation-share", "0.2", "--test-share", "0.2", "--shards", "6", "--quiet")
    assert dedupe.main(["--input", str(table), "--output", str(folder / "clean"), *shares]) == 0
    return folder / "clean"


def select(source: Path, output: Path, *flags: str, status: int = 0) -> Path:
    assert select_pairs.main(["--input", str(source), "--output", str(output), "--quiet", *flags]) == status
    return output


def rows(folder: Path, split: str | None = None) -> list[dict]:
    return read_pair_set(folder, split).to_table().to_pylist()


def ids(folder: Path, split: str | None = None) -> list[str]:
    return [row["row_id"] for row in rows(folder, split)]


def dropped(manifest: Manifest) -> dict[str, int]:
    return {reason: n for stage in manifest.ledger["stages"].values() for reason, n in stage["dropped"].items()}


def test_a_filter_keeps_order_split_signatures_and_everything_else(clean: Path, tmp_path: Path) -> None:
    out = select(clean, tmp_path / "out", "--where", 'kind = "docstring_code" and language in ("go", "en")')
    assert not list(verify.faults(str(out)))
    for split in ("train", "validation", "test"):
        expected = [row for row in rows(clean, split) if row["language"] == "go"]
        assert expected and rows(out, split) == expected
    parent, manifest = read_manifest(clean), read_manifest(out)
    assert {entry.path for entry in manifest.files} <= {entry.path for entry in parent.files}
    assert manifest.parents == (parent.as_parent(),)
    assert manifest.config["dedupe"]["split_key"] == "pairmill" and manifest.config["inputs"] == [parent.data_id]
    for entry in manifest.data_files():
        beside = pq.read_table(out / "signatures" / Path(entry.path).name)
        assert beside["row_id"].to_pylist() == pq.read_table(out / entry.path)["row_id"].to_pylist()
        before = {row["row_id"]: row for row in pq.read_table(clean / "signatures" / Path(entry.path).name).to_pylist()}
        assert all(before[row["row_id"]] == row for row in beside.to_pylist())
    loaded = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: len(loaded[split]) for split in loaded} == manifest.splits
    stages = manifest.ledger["stages"]
    assert stages["where"]["read"] == sum(parent.splits.values())
    assert dropped(manifest) == {"not_selected": sum(parent.splits.values()) - sum(manifest.splits.values())}


@settings(max_examples=6, phases=[Phase.generate])  # a run of the job is too slow to shrink by
@given(
    language=st.sampled_from((None, "en", "python")),
    balance=st.sampled_from((None, "source", "group", "language", "kind")),
    per_value=st.integers(1, 30),
    sample=st.sampled_from((None, 1, 17, 150, 100_000, 0.3, 1.0)),
    seed=st.integers(0, 3),
)
def test_rules_in_their_order_on_any_set(
    tmp_path_factory: pytest.TempPathFactory, clean: Path, language, balance, per_value, sample, seed
) -> None:
    """What is kept is what the definitions say, and each drop is counted for the first rule that drops."""
    if not (language or balance or sample):
        return
    out = tmp_path_factory.mktemp("any") / "out"
    flags = ["--seed", str(seed)]
    flags += ["--where", f'language = "{language}"'] if language else []
    flags += ["--balance", balance, "--per-value", str(per_value)] if balance else []
    flags += ["--sample", str(sample)] if sample else []
    select(clean, out, *flags)
    counts = read_manifest(out).ledger["stages"]
    chosen = [(split, row) for split in ("train", "validation", "test") for row in rows(clean, split)]
    chosen = [(split, row) for split, row in chosen if language in (None, row["language"])]
    assert counts["where"]["kept"] == len(chosen)
    if balance:
        values = Counter((split, row[balance]) for split, row in chosen)
        assert counts["balance"]["kept"] == sum(min(n, per_value) for n in values.values())
        kept = Counter((split, row[balance]) for split in read_manifest(out).splits for row in rows(out, split))
        if not sample:
            assert kept == {value: min(n, per_value) for value, n in values.items()}
    if isinstance(sample, int):
        assert counts["sample"]["kept"] == min(sample, counts["balance"]["kept"])
    if isinstance(sample, float) and sample == 1.0:
        assert counts["sample"]["kept"] == counts["sample"]["read"]
    order = {row["row_id"]: place for place, (_, row) in enumerate(chosen)}
    places = [order[row_id] for row_id in ids(out)]
    assert places == sorted(places)
    assert not list(verify.faults(str(out)))


def test_samples_are_nested_and_of_another_draw_by_another_seed(clean: Path, tmp_path: Path) -> None:
    few, more, other = (
        set(ids(select(clean, tmp_path / f"{n}-{seed}", "--sample", n, "--seed", seed)))
        for n, seed in (("30", "0"), ("10%", "0"), ("30", "1"))
    )
    total = sum(read_manifest(clean).splits.values())
    assert len(few) == len(other) == 30 and few != other
    assert 0.05 * total < len(more) < 0.17 * total and (few <= more or more <= few)


def test_what_is_drawn_from_capped_values_is_not_drawn_by_what_capped_them(clean: Path, tmp_path: Path) -> None:
    """With one key for both, rows of the value that was cut most would win every place of the sample."""
    drawn = Counter()
    for seed in range(6):
        flags = ("--balance", "kind", "--sample", "60", "--seed", str(seed))
        drawn += Counter(row["kind"] for row in rows(select(clean, tmp_path / str(seed), *flags)))
    assert 0.4 < drawn["docstring_code"] / drawn.total() < 0.6


def test_balance_takes_the_rarest_value_as_its_measure_and_says_so(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = select(clean, tmp_path / "out", "--balance", "group")
    assert set(Counter(row["group"] for row in rows(out, "train")).values()) == {
        min(Counter(row["group"] for row in rows(clean, "train")).values())
    }
    assert "give --per-value" in capsys.readouterr().err
    assert read_manifest(out).ledger["notes"]["rows_per_group_train"] >= 1


@pytest.mark.slow
def test_the_same_rows_with_two_workers_and_from_other_files(
    clean: Path, tmp_path: Path, make_pair_set: Callable
) -> None:
    pairs = made_pairs(120)
    one, three = make_pair_set(pairs, files=1), make_pair_set(pairs, files=3)
    flags = ("--where", "signals.anchor_words > 9", "--balance", "language", "--sample", "50", "--keep-rejects")
    data_ids = {
        read_manifest(select(source, tmp_path / str(i), *flags, "--workers", workers)).data_id
        for i, (source, workers) in enumerate(((one, "1"), (three, "1"), (three, "2")))
    }
    assert len(data_ids) == 1
    for i in range(3):
        assert not list(verify.faults(str(tmp_path / str(i))))
    rejects = pa.concat_tables([pq.read_table(path) for path in (tmp_path / "2" / "rejects").iterdir()])
    counts = dropped(read_manifest(tmp_path / "2"))
    assert Counter(rejects["reason"].to_pylist()) == counts
    assert set(counts) == {"not_selected", "over_cap", "not_sampled"}


def scores_of(clean: Path, path: Path, **columns: list) -> Path:
    found = ids(clean)
    table = {
        "row_id": found,
        "rank": [i % 5 + 1 for i in range(len(found))],
        "score": [0.5 + i % 4 / 10 for i in range(len(found))],
    }
    pq.write_table(pa.table(table | columns).cast(SCORES_SCHEMA), path)
    return path


def test_consistency_by_rank_and_score_with_each_reason_counted(clean: Path, tmp_path: Path) -> None:
    """CoRNStack's rule, and E5's rank alone; ranks and scores were made by place, some rows have none."""
    found = ids(clean)
    scores = scores_of(clean, tmp_path / "scores.parquet")
    pq.write_table(pq.read_table(scores).slice(10), scores)
    out = select(clean, tmp_path / "out", "--scores", str(scores), "--max-rank", "2", "--min-score", "0.7")
    place = {row_id: i for i, row_id in enumerate(found)}
    ranks, values = ({row_id: f(i) for row_id, i in place.items()} for f in (lambda i: i % 5 + 1, lambda i: 5 + i % 4))
    wanted = [row_id for row_id in found[10:] if ranks[row_id] <= 2 and values[row_id] >= 7]
    assert ids(out) == wanted
    low_rank = sum(ranks[row_id] > 2 for row_id in found[10:])
    low_score = len(found) - 10 - low_rank - len(wanted)
    assert dropped(read_manifest(out)) == {"no_score": 10, "low_rank": low_rank, "low_score": low_score}
    by_rank = select(clean, tmp_path / "rank", "--scores", str(scores), "--max-rank", "3")
    assert ids(by_rank) == [row_id for row_id in found[10:] if ranks[row_id] <= 3]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"rank": None}, "has no column rank"),
        ({"rank": 0}, "the best has rank 1"),
        ({"row_id": "zz"}, "scores have the columns"),
        ({"row_id": "0" * 32}, "twice with different values"),
    ],
)
def test_scores_that_cannot_be_are_refused(clean: Path, tmp_path: Path, columns, says, capfd) -> None:
    path = scores_of(clean, tmp_path / "scores.parquet")
    table = pq.read_table(path)
    for name, value in columns.items():
        place = table.column_names.index(name)
        if value is None:
            table = table.remove_column(place)
        else:
            table = table.set_column(place, name, pa.array([value] * table.num_rows, SCORES_SCHEMA.field(name).type))
    pq.write_table(table, path)
    flags = ["--input", str(clean), "--output", str(tmp_path / "out"), "--scores", str(path), "--max-rank", "2"]
    assert select_pairs.main(flags) in (1, 2)
    assert says in capfd.readouterr().err and not (tmp_path / "out" / "manifest.json").exists()


def test_scores_of_another_set_keep_nothing_and_a_warning_says_so(clean: Path, tmp_path: Path, capsys) -> None:
    scores = scores_of(clean, tmp_path / "scores.parquet")
    other = pa.array([f"{i:032x}" for i in range(pq.read_metadata(scores).num_rows)])
    pq.write_table(pq.read_table(scores).set_column(0, "row_id", other), scores)
    out = select(clean, tmp_path / "out", "--scores", str(scores), "--min-score", "0")
    assert "no row has a score" in capsys.readouterr().err
    assert read_manifest(out).splits == {} and not list(verify.faults(str(out)))


def test_a_result_without_rows_is_whole(clean: Path, tmp_path: Path) -> None:
    out = select(clean, tmp_path / "out", "--where", 'language = "cobol"', "--sample", "5", "--balance", "kind")
    assert read_manifest(out).splits == {} and not (out / "data").exists()
    assert not list(verify.faults(str(out)))
    again = select(out, tmp_path / "again", "--sample", "5")
    assert read_manifest(again).splits == {} and not list(verify.faults(str(again)))


def test_a_name_for_the_source_is_given_to_every_row(clean: Path, tmp_path: Path) -> None:
    out = select(clean, tmp_path / "out", "--where", 'kind = "docstring_code"', "--source", "mine")
    assert {row["source"] for row in rows(out)} == {"mine"} and not list(verify.faults(str(out)))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((), "nothing says which rows are wanted"),
        (("--where", 'licence = "MIT"'), "did you mean provenance.license?"),
        (("--where", "kind = code"), 'a text stands in quotes: "code"'),
        (("--max-rank", "2"), "--scores goes with"),
        (("--sample", "0"), "neither a number of rows nor a share"),
        (("--sample", "150%"), "neither a number of rows nor a share"),
        (("--sample", "5", "--per-value", "3"), "--per-value goes with --balance"),
        (("--balance", "kind", "--per-value", "0"), "must be 1 or more"),
        (("--balance", "licence"), "invalid choice"),
    ],
)
def test_wrong_arguments_end_with_status_2_and_the_mend(clean: Path, tmp_path: Path, flags, says, capsys) -> None:
    select(clean, tmp_path / "out", *flags, status=2)
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_inputs_that_are_no_whole_set_are_refused_by_name(clean: Path, tmp_path: Path, capsys) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(clean, broken)
    name = read_manifest(clean).data_files("train")[0].path
    select(broken, broken, "--sample", "5", status=2)
    assert "is one of the inputs" in capsys.readouterr().err
    (broken / name).write_bytes((broken / name).read_bytes()[:-9])
    select(broken, tmp_path / "out", "--sample", "5", status=2)
    assert name in capsys.readouterr().err
    data = bytearray((clean / name).read_bytes())
    data[4:400] = bytes(396)
    (broken / name).write_bytes(bytes(data))
    select(broken, tmp_path / "out", "--where", 'anchor != ""', status=1)
    assert f"pairmill verify {broken}" in capsys.readouterr().err
    select(tmp_path / "nowhere", tmp_path / "out", "--sample", "5", status=2)
    assert "is no finished pair set" in capsys.readouterr().err
    select(clean, tmp_path / "out", "--sample", "5", status=2)
    assert "--resume to go on with it or --overwrite" in capsys.readouterr().err
    select(clean, tmp_path / "out", "--sample", "5", "--overwrite")
    select(clean, tmp_path / "out", "--sample", "5", status=2)
    assert "holds a finished result" in capsys.readouterr().err


def test_a_run_that_was_killed_goes_on_and_gives_the_same(clean: Path, tmp_path: Path) -> None:
    whole = select(clean, tmp_path / "whole", "--sample", "60", "--keep-rejects")
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    (cut / "manifest.json").unlink()
    (cut / "units" / "000001.json").unlink()
    (cut / "units" / "000002.json").unlink()
    select(clean, cut, "--sample", "61", "--keep-rejects", "--resume", status=2)
    select(clean, cut, "--sample", "60", "--keep-rejects", "--resume")
    assert read_manifest(cut).to_json() == read_manifest(whole).to_json()
    assert not list(verify.faults(str(cut)))


def test_a_dry_run_reads_a_sample_and_writes_nothing(clean: Path, tmp_path: Path, capsys) -> None:
    select(clean, tmp_path / "out", "--sample", "5", "--dry-run")
    said = capsys.readouterr().out
    assert "core-hours" in said and f"{sum(read_manifest(clean).splits.values()):,} rows" in said
    assert not (tmp_path / "out").exists()


def test_other_file_systems_are_read_and_written(clean: Path, tmp_path: Path, strict_storage: Callable) -> None:
    shutil.copytree(clean, tmp_path / "strict" / "clean")
    flags = ["--sample", "40", "--balance", "kind", "--quiet", "--workers", "1"]
    command = ["--input", strict_storage("clean"), "--output", strict_storage("out"), *flags]
    assert select_pairs.main(command) == 0
    assert not list(verify.faults(str(tmp_path / "strict" / "out")))
    assert ids(tmp_path / "strict" / "out") == ids(select(clean, tmp_path / "here", *flags[:4]))
