"""`pairmill export`: each layout read by the library that it is for, whole or not there, and the same bytes again."""

from __future__ import annotations

import csv
import hashlib
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.export import export, main
from pipelines.exports import lines
from pipelines.import_pairs import main as import_pairs
from schemas import Pair, Provenance, make_pair, read_manifest, read_pair_set


def code(i: int, negatives: int = 2, language: str = "python") -> Pair:
    return make_pair(
        kind="docstring_code",
        language=language,
        anchor=f"Return item {i}, twice — “{i}”.",
        positive=f"def item_{i}(x):\n    # comment {i}\n    return x * {i}\n",
        negatives=[
            f"def item_{i + k}(x):\n    # comment {i + k}\n    return x * {i + k}\n" for k in range(1, negatives + 1)
        ],
        place=("code", "repo", f"m{i}.py", i, i + 1),
        group=f"repo{i % 3}",
        provenance=Provenance(repo=f"repo{i % 3}", path=f"m{i}.py", license="MIT"),
    )


@pytest.fixture
def pair_set(write_clean_set) -> str:
    return str(write_clean_set(train=[code(i) for i in range(30)], test=[code(i) for i in range(100, 107)]))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("layout", ["sentence-transformers", "beir", "jsonl", "webdataset"])
def test_the_same_set_gives_the_same_bytes_and_the_mark_names_them(pair_set, tmp_path, layout):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        counts, notes = export(pair_set, str(folder), layout)
        assert counts["train"]["read"] == counts["train"]["written"] == 30 and not notes
    one, two = map(files_of, folders)
    assert one == two and not list(tmp_path.glob("*.tmp-*"))
    mark = json.loads(one.pop("_export.json"))
    assert mark["data_id"] == read_manifest(pair_set).data_id and mark["layout"] == layout
    assert {f["path"]: f["sha256"] for f in mark["files"]} == {n: hashlib.sha256(b).hexdigest() for n, b in one.items()}


def test_triplets_train_with_sentence_transformers(pair_set, tmp_path):
    from datasets import load_dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    export(pair_set, str(tmp_path / "out"), "sentence-transformers", shards=4)
    data = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in data.items()} == {"train": 30, "test": 7}
    assert data["train"].column_names == ["anchor", "positive", "negative_1", "negative_2"]
    assert sorted(data["train"]["negative_2"]) == sorted(code(i).negatives[1] for i in range(30))
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "Return": 1, "return": 2, "x": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path / "run"), max_steps=2, per_device_train_batch_size=4, report_to=[], use_cpu=True
    )
    trainer = SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=data["train"], loss=MultipleNegativesRankingLoss(model)
    )
    assert trainer.train().global_step == 2


def test_triplets_say_which_rows_have_no_place(write_clean_set, tmp_path):
    folder = write_clean_set(train=[code(i, negatives=i % 4) for i in range(20)])
    with pytest.raises(ValueError, match=r"from 0 to 3 negatives.*with 3, 15 of 20 rows"):
        export(str(folder), str(tmp_path / "out"), "sentence-transformers")
    counts, _ = export(str(folder), str(tmp_path / "out"), "sentence-transformers", negatives=2)
    assert counts == {"train": {"read": 20, "written": 10, "fewer_negatives": 10}}
    with pytest.raises(ValueError, match="more than 3"):
        export(str(folder), str(tmp_path / "five"), "sentence-transformers", negatives=5)


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_beir_has_every_text_once_and_every_answer_right(write_clean_set, tmp_path):
    pairs = [code(i) for i in range(100, 106)]
    again = make_pair(
        kind="docstring_code",
        language="python",
        anchor=pairs[0].anchor.upper(),  # an equal query of another answer
        positive="def other():\n    return 1\n",
        place=("again",),
        group="g",
        provenance=Provenance(),
    )
    folder = write_clean_set(train=[code(1), code(2)], test=[*pairs, again, replace(pairs[1], row_id="0" * 32)])
    counts, _ = export(str(folder), str(tmp_path / "out"), "beir", splits=["test"])
    assert counts == {"test": {"read": 8, "written": 7, "nothing_left": 0, "same_pair": 1}}
    corpus = {doc["_id"]: doc["text"] for doc in read_lines(tmp_path / "out" / "corpus.jsonl")}
    asked = read_lines(tmp_path / "out" / "queries.jsonl")
    queries = {query["_id"]: query["text"] for query in asked}
    assert {query["text"]: query["metadata"] for query in asked} == {
        pair.anchor: {"row_id": pair.row_id, "language": pair.language, "group": pair.group} for pair in pairs
    }
    with (tmp_path / "out" / "qrels" / "test.tsv").open() as file:
        judged = list(csv.DictReader(file, delimiter="\t"))
    assert len(queries) == 6 and len(corpus) == len(set(corpus.values())) == 9  # 6 positives, 1 more, 2 new negatives
    right = {(queries[line["query-id"]], corpus[line["corpus-id"]]) for line in judged}
    assert right == {(pair.anchor, pair.positive) for pair in pairs} | {(pairs[0].anchor, again.positive)}
    assert {line["score"] for line in judged} == {"1"}
    back = tmp_path / "back"
    assert import_pairs(["--input", str(tmp_path / "out"), "--output", str(back), "--quiet"]) == 0
    rows = read_pair_set(back).to_table(columns=["anchor", "positive"]).to_pylist()
    assert {(row["anchor"], row["positive"]) for row in rows} == {(q, d.strip()) for q, d in right}


def test_beir_without_comments_merges_what_became_equal(write_clean_set, tmp_path):
    first = code(1, negatives=0)
    second = replace(code(2, negatives=0), row_id="1" * 32)
    alike = make_pair(
        kind="docstring_code",
        language="python",
        anchor="Another.",
        positive=first.positive.replace("comment 1", "said otherwise"),
        place=("alike",),
        group="g",
        provenance=Provenance(),
    )
    unread = make_pair(
        kind="docstring_code",
        language="cobol",
        anchor="In words.",
        positive="* stays\nADD 1 TO X.",
        place=("cobol",),
        group="g",
        provenance=Provenance(),
    )
    folder = write_clean_set(test=[first, second, alike, unread])
    _, notes = export(str(folder), str(tmp_path / "out"), "beir", without_comments=True)
    texts = [doc["text"] for doc in read_lines(tmp_path / "out" / "corpus.jsonl")]
    assert len(texts) == 3 and not any("#" in text for text in texts) and "* stays\nADD 1 TO X." in texts
    assert len(read_lines(tmp_path / "out" / "queries.jsonl")) == 4
    assert notes == ["comments of cobol code stay: its tree-sitter grammar is not installed"]


def test_lines_hold_what_the_rows_hold(pair_set, tmp_path):
    export(pair_set, str(tmp_path / "out"), "jsonl", splits=["train"], where='provenance.repo = "repo1"', shards=3)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.jsonl")) == [
        f"train-{i:05}-of-00003.jsonl" for i in range(3)
    ]
    rows = [row for path in sorted((tmp_path / "out").glob("*.jsonl")) for row in read_lines(path)]
    wanted = {pair.row_id: pair for pair in map(code, range(30)) if pair.group == "repo1"}
    assert [len(read_lines(path)) for path in sorted((tmp_path / "out").glob("*.jsonl"))] == [3, 3, 4]
    assert {row["row_id"] for row in rows} == set(wanted)
    for row in rows:
        pair = wanted[row["row_id"]]
        assert (row["anchor"], row["positive"], tuple(row["negatives"])) == (pair.anchor, pair.positive, pair.negatives)
        assert row["provenance"] == {"repo": "repo1", "path": pair.provenance.path, "license": "MIT"}


def test_webdataset_reads_its_samples(pair_set, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    export(pair_set, str(tmp_path / "out"), "webdataset", shards=2)
    names = [str(tmp_path / "out" / f"train-{i:06}.tar") for i in range(2)]
    samples = list(webdataset.WebDataset(names, shardshuffle=False).decode())
    wanted = {pair.row_id: pair for pair in map(code, range(30))}
    assert {sample["__key__"] for sample in samples} == set(wanted) and len(samples) == 30
    for sample in samples:
        pair = wanted[sample["__key__"]]
        assert sample["anchor.txt"] == pair.anchor and sample["positive.txt"] == pair.positive
        assert sample["negatives.json"] == list(pair.negatives) and sample["meta.json"]["group"] == pair.group
    with tarfile.open(names[0]) as tar:
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}


def test_an_export_that_breaks_off_leaves_nothing(pair_set, tmp_path, monkeypatch):
    calls = []

    def stop(values):
        calls.append(values)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return iter([b"{}\n"])

    monkeypatch.setattr(lines, "_lines", stop)
    with pytest.raises(KeyboardInterrupt):
        export(pair_set, str(tmp_path / "out"), "jsonl", shards=5)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob("*.tmp-*"))
    monkeypatch.undo()
    export(pair_set, str(tmp_path / "out"), "jsonl")
    before = files_of(tmp_path / "out")
    monkeypatch.setattr(lines, "_lines", stop)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        export(pair_set, str(tmp_path / "out"), "jsonl", shards=5, overwrite=True)
    assert files_of(tmp_path / "out") == before


def test_where_folders_have_no_names_of_their_own(pair_set, tmp_path, strict_storage):
    target = strict_storage("out")
    export(pair_set, target, "webdataset", shards=2)
    export(pair_set, target, "webdataset", shards=3, overwrite=True)
    names = {storage.last_part(info.path) for info in storage.walk(target)}
    assert names == {"_export.json", *(f"{s}-{i:06}.tar" for s in ("train", "test") for i in range(3))}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--format", "bier"], "bier"),
        (["--format", "beir", "--shards", "2"], "--shards"),
        (["--format", "jsonl", "--shards", "0"], "--shards"),
        (["--format", "jsonl", "--strip_comments"], "--format beir"),
        (["--format", "beir", "--negatives", "2"], "--negatives"),
        (["--format", "jsonl", "--split", "validation"], "no rows of split validation"),
        (["--format", "jsonl", "--where", "languag = 'go'"], "languag"),
        (["--format", "jsonl", "--where", "language = 'go'"], "nothing to export"),
        (["--format", "jsonl", "--overwriet"], "--overwrite"),
        (["--format", "jsonl", "--output", "FOREIGN"], "no export of pairmill"),
        (["--format", "jsonl", "--input", "FOREIGN"], "no finished pair set"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_status_2(pair_set, tmp_path, capsys, argv, said):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("mine")
    argv = [str(tmp_path / "foreign") if word == "FOREIGN" else word for word in argv]
    assert main(["--input", pair_set, "--output", str(tmp_path / "out"), *argv]) == 2
    lines_said = capsys.readouterr().err.splitlines()
    assert len(lines_said) == 1 and said in lines_said[0]
    assert not (tmp_path / "out").exists() and (tmp_path / "foreign" / "thesis.tex").exists()


def test_an_export_in_the_way_is_refused(pair_set, tmp_path, capsys):
    argv = ["--input", pair_set, "--output", str(tmp_path / "out"), "--format", "jsonl"]
    assert main(argv) == 0 and main(argv) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*argv, "--overwrite", "--split", "test"]) == 0
    assert "test: 7 read, 7 written" in capsys.readouterr().out
    assert not list((tmp_path / "out").glob("train-*"))
