"""`pairmill hard-negatives` on sets where every known answer and every confusable text is planted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import Pair, Provenance, make_pair, read_manifest, read_pair_set
from schemas.verify import faults
from train.hard_negatives import main
from train.negatives import layout, work

ROOT = Path(__file__).resolve().parents[3]
TOPICS = 24
ANYTHING = ["--margin", "-3"]
"""Whatever it scores: only the exclusions keep known answers out."""


def text_pair(anchor: str, positive: str, page: str, cluster: int, source: str = "pages") -> Pair:
    pair = make_pair(
        kind="neighbor_text",
        language="en",
        anchor=anchor,
        positive=positive,
        place=("w.warc", page, anchor, positive),
        group=f"{page}.org",
        provenance=Provenance(url=f"https://{page}.org/", uri="w.warc", offset=0),
        source=source,
    )
    return replace(pair, cluster=cluster)


def planted(t: int) -> tuple[list[Pair], list[Pair]]:
    """Rows for train and for test about one topic. Every text with the topic's word is near the query `about<t>`."""
    word, far = f"about{t}", f"far{t}"
    rows = [
        text_pair(word, f"{word} answer{t}", f"own{t}", 100 * t),
        text_pair(f"{far}a", f"{word} mate{t}", f"mate{t}", 100 * t),  # of the same cluster
        text_pair(f"{word} mateleft{t}", f"{far}b", f"mateleft{t}", 100 * t),
        text_pair(word.upper() + " ", f"{word} equal{t}", f"equal{t}", 100 * t + 1),  # an equal anchor
        text_pair(f"{far}c", f"{word} page{t}", f"own{t}", 100 * t + 2),  # of the same page
        text_pair(f"{word} answer{t}", f"{word} on{t}", f"on{t}", 100 * t + 3),  # goes on where the positive ends
        text_pair(f"{far}d", f"{word.upper()}   answer{t}", f"copy{t}", 100 * t + 4),  # the positive's copy
        text_pair(f"{far}e", word, f"itself{t}", 100 * t + 5),  # the anchor as a candidate
        text_pair(f"{far}f", f"{word} mate{t}", f"matecopy{t}", 100 * t + 6),  # copy of what a cluster-mate holds
        text_pair(f"{far}g", f"{word} mateleft{t}", f"mateanchor{t}", 100 * t + 7),  # a cluster-mate's anchor
        text_pair(f"{far}h", f"{word} confusable one{t}", f"wrong{t}", 100 * t + 8),
        text_pair(f"{far}i", f"{word} confusable two{t} two{t}b", f"wrongtoo{t}", 100 * t + 9),
        text_pair(f"{far}j", f"{word} elsewhere{t}", f"elsewhere{t}", 100 * t + 10, source="other"),
    ]
    return rows, [text_pair(f"{far}k", f"{word} later{t}", f"later{t}", 100 * t + 11)]


@pytest.fixture
def planted_set(write_clean_set, make_model):
    topics = [planted(t) for t in range(TOPICS)]
    train, test = ([pair for topic in topics for pair in topic[i]] for i in range(2))
    model = make_model([side for pair in train + test for side in (pair.anchor, pair.positive)])
    return write_clean_set(train=train, test=test), model


def negatives_of(folder: Path, anchor: str) -> list[str]:
    table = read_pair_set(folder, "train").to_table(columns=["anchor", "negatives"])
    return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))[anchor]


@pytest.mark.parametrize("how", [["--index", "blocks"], ["--index", "faiss"], ["--method", "bm25"]], ids=lambda x: x[1])
def test_every_known_answer_is_excluded_and_every_confusable_found(planted_set, tmp_path, how):
    if "faiss" in how:
        pytest.importorskip("faiss")
    folder, model = planted_set
    out = tmp_path / "out"
    named = [] if "bm25" in how else ["--model", str(model), *ANYTHING]
    argv = ["--input", str(folder), "--output", str(out), *named, *how, "--count", "4", "--ranks", "1", "10"]
    assert main([*argv, "--quiet"]) == 0
    assert list(faults(str(out))) == []
    for t in range(TOPICS):
        near = [text for text in negatives_of(out, f"about{t}") if f"about{t}" in text.lower().split()]
        assert sorted(near) == [f"about{t} confusable one{t}", f"about{t} confusable two{t} two{t}b"]
    notes = read_manifest(out).ledger["notes"]
    causes = ("own_anchor", "same_anchor", "continued", "cluster", "page", "own_positive")
    assert all(notes[f"excluded_{cause}"] >= TOPICS for cause in causes)


def test_the_margin_refuses_what_outranks_the_positive(planted_set, tmp_path):
    folder, model = planted_set
    argv = ["--input", str(folder), "--model", str(model), "--output"]
    assert main([*argv, str(tmp_path / "out"), "--quiet"]) == 0
    assert main([*argv, str(tmp_path / "wide"), "--relative-margin", "0.9", "--quiet"]) == 0
    assert len(negatives_of(tmp_path / "out", "about3")) == 5
    assert "about3 confusable one3" not in negatives_of(tmp_path / "wide", "about3")
    notes = read_manifest(tmp_path / "wide").ledger["notes"]
    assert notes["refused_by_margin"] > 0 and notes["rows_with_fewer"] >= notes["rows_without"] > 0


def test_candidates_of_the_other_source_only_when_asked_for_and_of_another_split_never(planted_set, tmp_path):
    folder, model = planted_set
    argv = ["--input", str(folder), "--model", str(model), *ANYTHING, "--count", "4", "--ranks", "1", "4", "--quiet"]
    assert main([*argv, "--output", str(tmp_path / "out"), "--within", "split"]) == 0
    found = negatives_of(tmp_path / "out", "about5")
    assert "about5 elsewhere5" in found and "about5 later5" not in found
    rows = read_pair_set(tmp_path / "out", "test").to_table(columns=["positive", "negatives"]).to_pylist()
    here = {row["positive"] for row in rows}
    assert len(rows) == TOPICS and all(set(row["negatives"]) <= here and row["negatives"] for row in rows)


def test_negatives_that_a_row_has_stay_in_front_and_are_not_given_twice(planted_set, tmp_path):
    folder, model = planted_set
    argv = ["--model", str(model), *ANYTHING, "--ranks", "1", "9", "--quiet", "--count"]
    assert main(["--input", str(folder), "--output", str(tmp_path / "one"), *argv, "1"]) == 0
    assert main(["--input", str(tmp_path / "one"), "--output", str(tmp_path / "two"), *argv, "1"]) == 0
    assert main(["--input", str(folder), "--output", str(tmp_path / "both"), *argv, "2"]) == 0
    for t in range(TOPICS):
        assert negatives_of(tmp_path / "two", f"about{t}") == negatives_of(tmp_path / "both", f"about{t}")
    one, two = read_manifest(tmp_path / "one"), read_manifest(tmp_path / "two")
    assert two.data_id == read_manifest(tmp_path / "both").data_id != one.data_id
    assert [parent["data_id"] for parent in two.parents] == [one.data_id]


def test_everything_else_stays_as_it_was(planted_set, tmp_path):
    folder, model = planted_set
    assert main(["--input", str(folder), "--model", str(model), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    before, after = (read_pair_set(path).to_table() for path in (folder, tmp_path / "out"))
    added = ["negatives", "negative_hashes"]
    assert after.drop_columns(added).equals(before.drop_columns(added))
    manifest = read_manifest(tmp_path / "out")
    assert [f.path for f in manifest.files] == [f.path for f in read_manifest(folder).files]
    assert not (tmp_path / "out" / "_temp").exists()
    from datasets import load_dataset

    assert (
        load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["train"].num_rows
        == before.num_rows - TOPICS
    )


class Stopped(BaseException):
    """As an interruption comes: no handler of errors takes it."""


def test_a_run_that_was_stopped_anywhere_goes_on_to_the_same_bytes(planted_set, tmp_path, monkeypatch):
    folder, model = planted_set
    monkeypatch.setattr(work, "ENCODED_AT_ONCE", 40)
    monkeypatch.setattr(work, "SAVED_EVERY", 0.0)
    monkeypatch.setattr(layout, "QUERIES", 50)
    argv = ["--input", str(folder), "--model", str(model), "--quiet", "--output"]
    assert main([*argv, str(tmp_path / "whole")]) == 0
    encoded = []
    encode = work.finite_vectors
    monkeypatch.setattr(work, "finite_vectors", lambda *a: (encoded.append(len(a[1])), encode(*a))[1])
    stops = 0
    for step in range(1000):
        reports = []

        def report(meter, done, note="", reports=reports):
            reports.append(done)
            if len(reports) > 2:
                raise Stopped

        monkeypatch.setattr("train.progress.Meter.at", report)
        try:
            done = main([*argv, str(tmp_path / "parts"), *(["--resume"] if step else [])])
            break
        except Stopped:
            stops += 1
            if stops > 12:  # the rest at once: writing has no parts
                monkeypatch.undo()
                monkeypatch.setattr(work, "ENCODED_AT_ONCE", 40)
                monkeypatch.setattr(layout, "QUERIES", 50)
                done = main([*argv, str(tmp_path / "parts"), "--resume"])
                break
    assert done == 0 and stops > 5
    rows = sum(read_manifest(folder).splits.values())
    assert sum(encoded) < 3 * rows  # each text once, and what was in hand at a stop again
    for path in sorted((tmp_path / "whole" / "data").iterdir()):
        assert (tmp_path / "parts" / "data" / path.name).read_bytes() == path.read_bytes()
    notes = [read_manifest(tmp_path / name).ledger for name in ("whole", "parts")]
    assert notes[0] == notes[1]


def test_a_killed_run_goes_on(planted_set, tmp_path, monkeypatch):
    folder, model = planted_set
    monkeypatch.setattr(work, "ENCODED_AT_ONCE", 20)
    argv = ["--input", str(folder), "--model", str(model), "--quiet", "--output", str(tmp_path / "out")]
    slow = (
        "import sys, time; from train.negatives import work; from train.hard_negatives import main; "
        "work.ENCODED_AT_ONCE, work.SAVED_EVERY = 20, 0.0; put = work.Work._put; "
        "work.Work._put = lambda *a: (time.sleep(0.2), put(*a)); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", slow, *argv]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out").glob("_temp/*/done.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None:
            with pytest.raises(SystemExit), pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.stderr", sys.stdout)
                main([*argv, "--resume"])  # two at once would write over each other
        process.send_signal(signal.SIGKILL)
    with pytest.raises(SystemExit):
        main(argv)
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert main([*argv, "--resume"]) == 0
    assert list(faults(str(tmp_path / "out"))) == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--method bm25"),
        (["--model", "MODEL", "--method", "bm25"], "--method bm25"),
        (["--model", "nowhere"], "no model folder"),
        (["--model", "MODEL", "--count", "0"], "--count"),
        (["--model", "MODEL", "--ranks", "5", "2"], "--ranks"),
        (["--model", "MODEL", "--input", "elsewhere"], "--input takes"),
        (["--model", "MODEL", "--device", "abacus"], "abacus"),
        (["--model", "MODEL", "--modle", "x"], "nearest is --model"),
        (["--method", "bm25", "--index", "faiss"], "--index"),
        (["--model", "MODEL", "--output", "FOREIGN"], "no result of pairmill"),
        (["--model", "MODEL", "--overwrite", "--output", "SET"], "the set itself"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_status_2(planted_set, tmp_path, capsys, argv, said):
    folder, model = planted_set
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("mine")
    places = {"MODEL": str(model), "FOREIGN": str(tmp_path / "foreign"), "SET": str(folder)}
    with pytest.raises(SystemExit) as ended:
        main(["--input", str(folder), "--output", str(tmp_path / "out"), *(places.get(word, word) for word in argv)])
    assert ended.value.code == 2
    said_lines = capsys.readouterr().err.splitlines()
    assert len(said_lines) == 1 and said in said_lines[0]
    assert not (tmp_path / "out").exists() and (tmp_path / "foreign" / "thesis.tex").exists()


def test_a_finished_result_and_other_settings_are_refused(planted_set, tmp_path, capsys):
    folder, model = planted_set
    argv = ["--input", str(folder), "--model", str(model), "--output", str(tmp_path / "out"), "--quiet"]
    assert main(argv) == 0
    first = read_manifest(tmp_path / "out")
    with pytest.raises(SystemExit):
        main(argv)
    assert "--overwrite" in capsys.readouterr().err
    (tmp_path / "out" / "manifest.json").unlink()
    with pytest.raises(SystemExit):
        main([*argv, "--resume", "--count", "3"])
    assert "other settings" in capsys.readouterr().err
    assert main([*argv, "--overwrite"]) == 0
    assert read_manifest(tmp_path / "out").data_id == first.data_id


def test_a_model_that_gives_nan_ends_with_a_sentence(planted_set, tmp_path, capsys):
    from safetensors.torch import load_file, save_file

    folder, model = planted_set
    [weights] = model.glob("1_Dense/*.safetensors")
    tensors = load_file(weights)
    tensors["linear.weight"][:] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    argv = ["--input", str(folder), "--model", str(model), "--output", str(tmp_path / "out"), "--quiet"]
    assert main(argv) == 1
    assert "not finite" in capsys.readouterr().err and not (tmp_path / "out" / "manifest.json").exists()


def test_a_dry_run_writes_nothing(planted_set, tmp_path, capsys):
    folder, model = planted_set
    argv = ["--input", str(folder), "--output", str(tmp_path / "out"), "--dry-run"]
    assert main([*argv, "--model", str(model)]) == 0
    said = capsys.readouterr().out
    assert f"train: pages: {12 * TOPICS} rows, {10 * TOPICS} different candidates" in said and "hours" in said
    assert main([*argv, "--method", "bm25"]) == 0 and not (tmp_path / "out").exists()


def test_the_settings_in_the_manifest_name_no_local_folder(planted_set, tmp_path):
    folder, model = planted_set
    assert main(["--input", str(folder), "--model", str(model), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    manifest = (tmp_path / "out" / "manifest.json").read_text()
    assert str(tmp_path) not in manifest and json.loads(manifest)["config"]["inputs"] == [read_manifest(folder).data_id]
