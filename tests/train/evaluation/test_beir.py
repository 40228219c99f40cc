"""Retrieval from folders in BEIR's layout, as its users meet it, against a plain matrix product."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.train.made_sets import WORDS, row_of
from train.encoders import load_encoder
from train.evaluate import main
from train.evaluation.beir import METRICS
from train.evaluation.beir_folder import read_beir
from train.evaluation.collection_search import CollectionSearch
from train.evaluation.measured import Measured
from train.evaluation.rows import score_rows
from train.journal import Journal


def write_beir(
    folder: Path,
    documents: Sequence[str],
    queries: Sequence[str],
    grades: Mapping[int, Mapping[int, int]],
    languages: Sequence[str] = (),
    groups: Sequence[str | int] = (),
) -> Path:
    """A folder whose query i is judged with `grades[i]`: document's place -> grade."""
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(documents)]
    asked: list[dict] = [{"_id": f"q{i}", "text": text} for i, text in enumerate(queries)]
    for query, language in zip(asked, languages, strict=False):
        query["metadata"] = {"language": language}
    for query, group in zip(asked, groups, strict=False):
        query["metadata"] = query.get("metadata", {}) | {"group": group}
    for name, records in (("corpus", corpus), ("queries", asked)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    lines = [f"q{q}\td{d}\t{grade}\n" for q, of_query in grades.items() for d, grade in of_query.items()]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return folder


def sentence(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, 5))


@pytest.fixture(scope="module")
def beir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 queries, 300 documents, graded judgements, two languages; query 60 has no judgement here."""
    rng = np.random.default_rng(5)
    documents = [f"{sentence(rng)} {i}" for i in range(300)]
    queries = [f"{documents[i].split()[0]} {documents[i].split()[2]} {sentence(rng)}" for i in range(61)]
    grades = {i: {i: 2, (i * 7 + 1) % 300: 1, (i * 11 + 5) % 300: 0} for i in range(60)}
    languages = ["en" if i % 3 else "de" for i in range(61)]
    return write_beir(tmp_path_factory.mktemp("beir") / "made", documents, queries, grades, languages)


def rows_of(argv: Sequence[str], folder: Path) -> list[dict]:
    output = folder / "scores.json"
    assert main([*argv, "--output", str(output), "--quiet", "--device", "cpu"]) == 0
    return json.loads(output.read_text())["rows"]


def test_scores_are_those_of_a_plain_search(beir, model, tmp_path):
    encoder = load_encoder(model)
    collection = read_beir(beir, "test", 1, False)
    table = encoder.encode(collection.queries) @ encoder.encode(collection.documents, side="positive").T
    first = []
    for i, scores in enumerate(table):
        right = {int(name[1:]) for name, grade in collection.judged[f"q{i}"].items() if grade}
        ranks = [1 + sum(scores[j] >= scores[d] - 1e-6 for j in range(300) if j not in right) for d in right]
        rank = min(ranks)
        first.append(1 / rank if rank <= 10 else 0.0)
    rows = rows_of([str(model), "--beir", str(beir)], tmp_path)
    measured = row_of(rows, system="model", part="all")
    assert measured["items"] == 60 and set(measured["scores"]) == set(METRICS)
    assert measured["scores"]["mrr@10"]["value"] == pytest.approx(np.mean(first))
    assert {(r["system"], r["part"]) for r in rows} == {(s, p) for s in ("model", "bm25") for p in ("all", "de", "en")}
    assert [row_of(rows, system="bm25", part=p)["items"] for p in ("de", "en")] == [20, 40]
    assert row_of(rows, system="bm25", part="all")["scores"]["mrr@10"]["value"] > 0.1


def test_queries_of_a_group_are_drawn_together(model, tmp_path):
    """Half of the groups ask for what is there, half for what is not: their queries agree, so few are independent."""
    rng = np.random.default_rng(8)
    documents = [f"{sentence(rng)} {i}" for i in range(120)]
    queries = [documents[i] if i // 20 % 2 else documents[-1 - i] for i in range(120)]
    judged: dict[int, dict[int, int]] = {i: {i: 1} for i in range(120)}
    groups = [i // 20 for i in range(110)]  # the last ten name none, so that each is a group
    with_groups = write_beir(tmp_path / "groups", documents, queries, judged, ["en", "de"] * 60, groups)
    rows = rows_of([str(model), "--beir", str(with_groups)], tmp_path)
    measured = row_of(rows, system="model", part="all")
    score = measured["scores"]["ndcg@10"]
    assert measured["groups"] == 16 and row_of(rows, system="bm25", part="de")["groups"] == 11
    assert score["group_high"] - score["group_low"] > 2 * (score["high"] - score["low"])
    without = write_beir(tmp_path / "none", documents, queries, judged)
    alone = row_of(rows_of([str(model), "--beir", str(without)], tmp_path), system="model")
    assert alone["groups"] == 0 and alone["scores"]["ndcg@10"]["group_low"] is None
    assert alone["scores"]["ndcg@10"]["value"] == score["value"]


def test_several_sets_have_a_mean(beir, model, tmp_path):
    rng = np.random.default_rng(9)
    documents = [f"{sentence(rng)} {i}" for i in range(50)]
    other = write_beir(beir.parent / "other", documents, documents[:20], {i: {i: 1} for i in range(20)})
    rows = rows_of([str(model), "--beir", str(beir), str(other)], tmp_path)
    for system in ("model", "bm25"):
        each = [row_of(rows, system=system, data=data, part="all")["scores"] for data in ("made", "other")]
        mean = row_of(rows, system=system, data=beir.parent.name, part="mean of 2 sets")
        assert mean["items"] == 80 and set(mean["scores"]) == set(METRICS)
        for metric, score in mean["scores"].items():
            assert score["value"] == pytest.approx(np.mean([one[metric]["value"] for one in each]))
            assert score["low"] <= score["value"] <= score["high"]
    [name, *_] = [row["data"] for row in rows if row["part"] == "mean of 2 sets"]
    assert main(["--compare", *[str(tmp_path / "scores.json")] * 2, "--output", str(tmp_path / "same.json")]) == 0
    differences = json.loads((tmp_path / "same.json").read_text())["differences"]
    assert any(one["data"] == name and one["part"] == "mean of 2 sets" for one in differences)


def test_faiss_finds_what_the_blocks_find(beir, model, tmp_path):
    blocks, flat = (rows_of([str(model), "--beir", str(beir), "--index", i], tmp_path) for i in ("blocks", "faiss"))
    assert [row["scores"] for row in blocks] == [row["scores"] for row in flat]


def test_many_blocks_are_one_search(beir, model, monkeypatch):
    from train.evaluation import collection_search
    from train.negatives import nearest

    def values() -> np.ndarray:
        search = CollectionSearch("retrieval", collection, METRICS, "cpu", Journal(quiet=True))
        [whole, *_] = search.measure(encoder)
        assert isinstance(whole, Measured)
        return whole.values

    encoder, collection = load_encoder(model), read_beir(beir, "test", 1, False)
    whole = values()
    monkeypatch.setattr(nearest, "TILE", 16)
    monkeypatch.setattr(collection_search, "ENCODED_AT_ONCE", 64)
    assert np.array_equal(whole, values())


def test_identical_texts_score_1(model, tmp_path):
    rng = np.random.default_rng(1)
    texts = [f"{sentence(rng)} {i}" for i in range(200)]
    folder = write_beir(tmp_path / "same", texts, texts, {i: {i: 1} for i in range(200)})
    for row in rows_of([str(model), "--beir", str(folder)], tmp_path):
        scores = {name: score["value"] for name, score in row["scores"].items()}
        assert scores == pytest.approx(dict.fromkeys(METRICS, 1.0), abs=0.01 if row["system"] == "bm25" else 1e-9)


class RandomVectors:
    """An encoder that knows nothing of its texts."""

    dimension = 32

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def encode(self, texts: Sequence[str], side: str = "anchor", batch_size: int = 256) -> np.ndarray:
        vectors = self._rng.standard_normal((len(texts), self.dimension)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_random_vectors_score_chance(tmp_path):
    """One right answer among 500: recall@100 is 100 / 500, and MRR@10 the mean of 1/rank over the first ten places."""
    texts = [f"text {i}" for i in range(500)]
    folder = write_beir(tmp_path / "chance", texts, texts, {i: {(i + 1) % 500: 1} for i in range(500)})
    search = CollectionSearch("retrieval", read_beir(folder, "test", 1, False), METRICS, "cpu", Journal(quiet=True))
    [row] = score_rows(search.measure(RandomVectors()), seed=0)
    chance = {"recall@100": 0.2, "recall@10": 0.02, "mrr@10": sum(1 / k for k in range(1, 11)) / 500}
    for name, value in chance.items():
        score = row.scores[name]
        assert score.low is not None and score.high is not None
        margin = score.high - score.low
        assert score.low - margin < value < score.high + margin, name


def test_given_lists_are_ordered_anew(beir, model, tmp_path):
    """A list that holds the best document alone makes MRR 1, one without it 0; the run's own order is a row too."""
    run = tmp_path / "bm25.run"
    lists = {i: [i, (i + 2) % 300] for i in range(30)} | {i: [(i + 2) % 300] for i in range(30, 59)}
    run.write_text(
        "".join(f"q{q} Q0 d{d} {k} {9 - k} first\n" for q, places in lists.items() for k, d in enumerate(places, 1))
    )
    rows = rows_of([str(model), "--beir", str(beir), "--rerank", str(run)], tmp_path)
    assert {row["protocol"] for row in rows} == {"rerank of first"}
    own = row_of(rows, system="run first", part="all")["scores"]
    assert own["mrr@10"]["value"] == pytest.approx(30 / 60, abs=0.05)
    by_model = row_of(rows, system="model", part="all")["scores"]
    assert own["recall@10"] == by_model["recall@10"] and by_model["mrr@10"]["value"] <= own["mrr@10"]["value"]
    assert row_of(rows, system="bm25", part="all")["scores"]["mrr@10"]["value"] > 0.4


def test_grades_below_the_level_are_not_relevant(beir, model, tmp_path):
    one, two = (rows_of([str(model), "--beir", str(beir), "--relevant-from", n], tmp_path) for n in ("1", "2"))
    scores = [row_of(rows, system="model", part="all")["scores"] for rows in (one, two)]
    assert scores[0]["ndcg@10"] == scores[1]["ndcg@10"] and scores[0]["map"] != scores[1]["map"]


def test_judgements_in_trec_s_columns_are_the_same(beir, model, tmp_path):
    lines = (beir / "qrels" / "test.tsv").read_text().splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    (beir / "qrels" / "trec.tsv").write_text("".join(f"{q} 0 {d} {grade}\n" for q, d, grade in cells))
    ours, trec = (rows_of([str(model), "--beir", str(beir), "--qrels", name], tmp_path) for name in ("test", "trec"))
    assert [row["scores"] for row in ours] == [row["scores"] for row in trec]


def spoil(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


QUERIES, CORPUS, QRELS = "queries.jsonl", "corpus.jsonl", "qrels/test.tsv"


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (QUERIES, '{"_id": "q1", "text": "two"}', "{", r"queries.jsonl, line 2: no JSON"),
        (QUERIES, '"text": "two"', '"text": " "', r"queries.jsonl, line 2: 'text' is empty"),
        (QUERIES, '"text": "two"', '"texts": "two"', r"line 2: there is no field 'text' \(the nearest is texts\)"),
        (QUERIES, '"text": "two"', '"text": 2', r"line 2: 'text' is int, where a text is wanted"),
        (
            QUERIES,
            '"text": "two"',
            '"text": "two", "metadata": {"group": [1]}',
            "line 2: 'group' is list",
        ),
        (QUERIES, "q1", "q0", r"queries.jsonl, line 2: the query 'q0' stands on line 1 too"),
        (QUERIES, "q1", "q9", r"test.tsv, line 3: there is no query 'q1'"),
        (CORPUS, "d1", "d0", r"corpus.jsonl, line 2: the document 'd0' stands on line 1 too"),
        (CORPUS, '"text": "b"', '"text": ""', r"corpus.jsonl, line 2: 'text' is empty, as in 1 of 2 documents"),
        (CORPUS, '"text": "b"', '"contents": "b"', r"corpus.jsonl, line 2: there is no field 'text'"),
        (CORPUS, '"title": ""', '"title": 3', r"corpus.jsonl, line 1: 'title' is int"),
        (CORPUS, '"d1"', '"x1"', r"line 3: 'q1' is judged with 'd1', which is not in corpus.*; 1 of 2 "),
        (QRELS, "q1\td1\t1", "q1\td1\t0", r"test.tsv, line 3: the query 'q1' has no relevant document"),
        (QRELS, "q1\td1\t1", "q1\td1\tyes", r"test.tsv, line 3: the grade 'yes' is no whole number"),
        (QRELS, "q1\td1\t1", "q1\td1", r"test.tsv, line 3: BEIR's judgements have 3 .* this line 2"),
        (QRELS, "q1\td1\t1", "q0\td0\t1", r"test.tsv, line 3: 'q0' and 'd0' are judged before"),
        (QRELS, "query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t1\n", "", "test.tsv has no judgement"),
    ],
)
def test_a_mistake_in_the_files_names_file_and_line(name, old, new, words, model, tmp_path, capsys):
    folder = write_beir(tmp_path / "set", ["a", "b"], ["one", "two"], {0: {0: 1}, 1: {1: 1}})
    spoil(folder, name, old, new)
    with pytest.raises(SystemExit) as stopped:
        main([str(model), "--beir", str(folder)])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and re.search(words, err) and err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--beir", "{set}s"], "there is no folder"),
        (["--beir", "{set}", "--qrels", "dev"], "there are no judgements .*there is test.tsv.*--qrels"),
        (["--beir", "{set}", "--index", "hnsw"], "invalid choice"),
        (["--beir", "{set}", "--relevant-from", "0"], "is below 1"),
        (["--beir", "{set}", "{set}", "--rerank", "x"], "run of one set"),
        (["--beir", "{set}", "{set}/../made"], "are both named made; rename"),
        (["--beir", "{set}", "--rerank", "{set}/x.run"], "there is no file"),
        (["--tasks", "retrieval"], "give it with --beir"),
    ],
)
def test_a_mistake_in_the_flags_is_one_sentence(flags, words, beir, model, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(model), *(flag.replace("{set}", str(beir)) for flag in flags)])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and re.search(words, err) and err.count("\n") == 1


def test_flaws_of_published_sets_are_noted_and_measured(model, tmp_path):
    """As in FiQA, whose corpus has documents without a text, and in ArguAna, which judges documents that it has not."""
    rng = np.random.default_rng(6)
    documents = [f"{sentence(rng)} {i}" for i in range(200)]
    judged: dict[int, dict[int, int]] = {i: {i: 1} for i in range(150)}
    folder = write_beir(tmp_path / "flawed", documents, documents[:150], judged)
    spoil(folder, CORPUS, f'"title": "", "text": "{documents[180]}"', '"title": "", "text": " "')
    spoil(folder, CORPUS, '"_id": "d7", "title": ""', '"_id": "elsewhere", "title": null')
    output = tmp_path / "scores.json"
    assert main([str(model), "--beir", str(folder), "--output", str(output), "--quiet", "--device", "cpu"]) == 0
    result = json.loads(output.read_text())
    assert [re.sub("^.*flawed/", "", note) for note in result["notes"]] == [
        "corpus.jsonl, line 181: 'text' is empty, as in 1 of 200 documents; they stay candidates",
        "qrels/test.tsv, line 9: 'q7' is judged with 'd7', which is not in corpus.jsonl; 1 of 150 judgements are of "
        "such documents, which count as not found",
    ]
    for row in result["rows"]:
        assert row["items"] == 150 and row["details"]["documents"] == 200
    assert row_of(result["rows"], system="model")["scores"]["recall@100"]["value"] == pytest.approx(149 / 150)
    assert read_beir(folder, "test", 1, False).item_texts()["flawed", "q7"].texts == (documents[7],)


def test_names_may_hold_blanks_where_tabs_part_the_columns(tmp_path):
    folder = write_beir(tmp_path / "set", ["a", "b"], ["one", "two"], {0: {0: 1}, 1: {1: 1}})
    for name in (CORPUS, QRELS):
        spoil(folder, name, "d1", "the second one")
    assert read_beir(folder, "test", 1, False).judged["q1"] == {"the second one": 1}


def test_a_run_of_another_set_is_refused(beir, model, tmp_path, capsys):
    for line, words in (
        ("q1 Q0 x 1 1 t", "other.run, line 1: 'x' is no document of the set"),
        ("z Q0 d1 1 1 t", "none of the queries"),
    ):
        run = tmp_path / "other.run"
        run.write_text(line + "\n")
        with pytest.raises(SystemExit):
            main([str(model), "--beir", str(beir), "--rerank", str(run)])
        assert words in capsys.readouterr().err
