"""The evaluator as its users meet it: on a small pair set, with a model made here and with wrong arguments."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from schemas import Manifest, Pair, Provenance, make_pair
from schemas.ledger import Ledger
from schemas.manifest import FileEntry
from schemas.pair import pairs_to_table
from schemas.writer import PartWriter
from train import evaluate, pair_set_search
from train.evaluate import main
from train.journal import Journal
from train.pair_set_search import SearchOptions, search_scores
from train.retrieval import TIE
from train.split_rows import read_split

ROOT = Path(__file__).resolve().parents[2]
WORDS = [a + b for a in ("alpha", "beta", "gamma", "delta", "omega") for b in ("", "s", "ted", "ting", "ful", "less")]


def code_pair(number: int) -> Pair:
    """A pair whose sides share three words, in a combination of its own; the name says one of them."""
    one, two, three = (WORDS[number // 30**k % 30] for k in range(3))
    return make_pair(
        kind="docstring_code",
        language="python",
        anchor=f"Return {one} {two} {three} {number}.",
        positive=f"def {one}_{number}(x):\n    # {two}\n    return {three}(x)\n",
        place=("m.py", number),
        group=f"repo{number % 7}",
        provenance=Provenance(repo=f"repo{number % 7}", path="m.py", symbol=f"C.{one}_{number}"),
    )


def text_pair(number: int) -> Pair:
    """Neighbouring passages of pages of three: the positive of one row is the anchor of the next."""
    page, ordinal = divmod(number, 2)
    passages = [f"page {WORDS[page % 30]} {page} passage {k}" for k in (ordinal, ordinal + 1)]
    return make_pair(
        kind="neighbor_text",
        language="en",
        anchor=passages[0],
        positive=passages[1],
        place=("w.warc", number),
        group=f"site{page}.org",
        provenance=Provenance(ordinal=ordinal),
    )


def write_set(folder: Path, **splits: Sequence[Pair]) -> Path:
    """A pair set with the rows given for each split, two files a split."""
    entries = []
    (folder / "data").mkdir(parents=True)
    for split, pairs in splits.items():
        middle = (len(pairs) + 1) // 2
        for part, rows in enumerate((pairs[:middle], pairs[middle:])):
            if not rows:
                continue
            path = f"data/{split}-{part:05}-of-00002.parquet"
            with (folder / path).open("wb") as file:
                writer = PartWriter(file)
                writer.write(pairs_to_table(rows))
                done = writer.close()
            entries.append(FileEntry(path, split, done.rows, done.bytes, done.sha256, f"{done.data_sum:032x}"))
    manifest = Manifest("dedupe", "0" * 32, {}, 0, "test", Ledger("dedupe").to_json(), tuple(entries))
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    return folder


@pytest.fixture(scope="module")
def pair_set(tmp_path_factory) -> Path:
    rows = [code_pair(i) for i in range(2005)] + [text_pair(i) for i in range(40)]
    return write_set(tmp_path_factory.mktemp("sets") / "clean", train=[code_pair(9999)], test=rows)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A sentence-transformers folder: random static vectors of words and numbers, so texts that share some are near."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    vocabulary = {word: i for i, word in enumerate(["[UNK]", *WORDS, *map(str, range(2005)), "page", "passage"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Replace("_", " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.random.default_rng(0).standard_normal((len(vocabulary), 64)).astype(np.float32)
    weights[0] = 0
    folder = tmp_path_factory.mktemp("models") / "static"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu").save(str(folder))
    return folder


class Letters:
    """An encoder without a model: counts of letters and digits, with the first letter counted thrice."""

    def encode(self, texts, side, batch_size=32):
        assert side in ("anchor", "positive")
        return np.array([np.bincount([ord(c) % 64 for c in t + t[:1] * 2], minlength=64) for t in texts], np.float32)


def scores(folder: Path, encoder=None, **options) -> tuple[list, Journal]:
    journal = Journal(quiet=True)
    rows = search_scores(read_split(str(folder), "test"), encoder or Letters(), SearchOptions(**options), journal)
    return rows, journal


def row_of(rows, **wanted):
    [row] = [r for r in rows if all((r[k] if isinstance(r, dict) else getattr(r, k)) == v for k, v in wanted.items())]
    return row


def test_the_command_prints_a_table_and_writes_json(pair_set, model, tmp_path, capsys):
    output = tmp_path / "scores.json"
    argv = [str(model), "--tasks", "pair-set", "--data", str(pair_set), "--output", str(output), "--mask-names"]
    assert main([*argv, "--strip_comments", "--device", "cpu"]) == 0
    table = capsys.readouterr().out
    result = json.loads(output.read_text())
    rows = result["rows"]
    assert {row["protocol"] for row in rows} == {"csn-1k", "chunks-of-40", "pairset-full"}
    assert {row["system"] for row in rows} == {"model", "bm25"}
    assert {row["candidates"] for row in rows} == {"comments removed", "comments removed, names masked"}
    assert {row["source"] for row in rows} == {"docstring_code/python", "neighbor_text/en", "all"}
    assert table.count("\n") == len(rows) + 2 and "docstring_code/python" in table
    assert result["tasks"]["pair-set"]["data_id"] and result["tasks"]["pair-set"]["split"] == "test"
    assert result["seed"] == 0 and result["versions"]["bm25s"] and result["model"] == str(model)
    assert any("chunks-of-40" in note for note in result["notes"])
    for row in rows:
        for score in row["scores"].values():
            assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1
            assert score["group_low"] <= score["mean"] <= score["group_high"]
    code = {"source": "docstring_code/python", "protocol": "csn-1k", "system": "model"}
    plain = row_of(rows, candidates="comments removed", **code)
    masked = row_of(rows, candidates="comments removed, names masked", **code)
    assert plain["queries"] == 2000 and plain["queries_dropped"] == 5 and plain["candidates_per_query"] == 1000
    assert plain["scores"]["mrr"]["mean"] > masked["scores"]["mrr"]["mean"] > 0.02
    # Both words and the number are shared: the number is in no other row, so BM25 must find it.
    bm25 = row_of(rows, candidates="comments removed", **code | {"system": "bm25"})
    assert bm25["scores"]["recall@1"]["mean"] > 0.99


def test_quiet_prints_the_table_alone(pair_set, model, capsys):
    assert main([str(model), "--tasks=pair-set", f"--data={pair_set}", "--protocol=full", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("protocol") and out.count("\n") == 7
    assert "encoding" not in err and "note" not in err


def test_csn_1k_is_chunks_of_a_thousand_in_canonical_order(pair_set):
    """Against the protocol written out: per source, chunks of 1000 in order, the rest dropped, ties against us."""
    pairs, vectors = [code_pair(i) for i in range(2000)], Letters()
    anchors, positives = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in (
            vectors.encode([p.anchor for p in pairs], "anchor"),
            vectors.encode([p.positive for p in pairs], "positive"),
        )
    )
    reciprocal = []
    for start in (0, 1000):
        table = anchors[start : start + 1000].astype(np.float64) @ positives[start : start + 1000].T.astype(np.float64)
        reciprocal += [1 / (row >= row[i] - TIE).sum() for i, row in enumerate(table)]
    rows, _ = scores(pair_set, protocols=("csn-1k",))
    measured = row_of(rows, protocol="csn-1k", system="model")
    assert measured.scores["mrr"].mean == pytest.approx(np.mean(reciprocal), rel=1e-3)
    assert measured.scores["mrr_strict"].mean == pytest.approx(np.mean(reciprocal), rel=1e-3)


def test_neighbours_on_a_page_are_no_false_distractors(tmp_path):
    """Letters finds a passage's own text first, which is the candidate of the row before: known, and left out."""
    folder = write_set(tmp_path / "set", test=[text_pair(i) for i in range(40)])
    rows, _ = scores(folder, protocols=("full",))
    row = row_of(rows, system="model")
    assert row.known_answers_per_query == 2
    assert row.scores["mrr"].mean > row.scores["mrr_strict"].mean


def test_the_mean_of_sources_weighs_languages_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_set_search, "CHUNK", 20)
    folder = write_set(tmp_path / "set", test=[code_pair(i) for i in range(70)] + [text_pair(i) for i in range(25)])
    rows, _ = scores(folder, protocols=("csn-1k",))
    assert [(r.source, r.system) for r in rows[-2:]] == [("mean of sources", "model"), ("mean of sources", "bm25")]
    of = [row_of(rows, source=s, system="bm25") for s in ("docstring_code/python", "neighbor_text/en")]
    assert [r.queries for r in of] == [60, 20]
    mean = row_of(rows, source="mean of sources", system="bm25").scores["mrr"]
    assert mean.mean == pytest.approx((of[0].scores["mrr"].mean + of[1].scores["mrr"].mean) / 2)
    assert mean.low < mean.mean < mean.high


def test_a_source_of_one_row_gets_no_score(tmp_path):
    folder = write_set(tmp_path / "set", test=[code_pair(i) for i in range(5)] + [text_pair(0)])
    rows, journal = scores(folder)
    assert {r.source for r in rows} == {"docstring_code/python", "all"}
    assert any("neighbor_text/en has one row" in note for note in journal.notes)


def test_texts_that_masking_makes_equal_answer_each_other(tmp_path):
    pairs = [
        make_pair(
            kind="docstring_code",
            language="python",
            anchor=f"Anchor {name}.",
            positive=f"def {name}(self):\n    return self._x\n",
            place=(name,),
            group=None,
            provenance=Provenance(symbol=name),
        )
        for name in ("one", "two", "three")
    ]
    rows, _ = scores(write_set(tmp_path / "set", test=pairs), mask_names=True, protocols=("full",))
    masked = row_of(rows, candidates="names masked", system="bm25")
    assert masked.scores["mrr"].mean == 1 and masked.scores["mrr_strict"].mean == pytest.approx(1 / 3)


def test_the_same_seed_gives_the_same_intervals(pair_set):
    one, two, other = (scores(pair_set, protocols=("full",), seed=seed)[0] for seed in (1, 1, 2))
    assert one == two != other


def test_embeddings_that_are_not_finite_fail_the_run(pair_set, model, monkeypatch, capsys):
    class Broken:
        def encode(self, texts, side, batch_size=32):
            return np.full((len(texts), 4), np.nan, np.float32)

    monkeypatch.setattr(evaluate, "load_model", lambda *_: Broken())
    assert main([str(model), "--tasks", "pair-set", "--data", str(pair_set)]) == 1
    assert "not finite for 2,045 of 2,045 anchors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["{model}c", "--tasks", "pair-set", "--data", "{set}"], "no model folder .*the nearest is static"),
        (["{set}", "--tasks", "pair-set", "--data", "{set}"], "is no model that sentence-transformers"),
        (["{model}", "--tasks", "pair-sets", "--data", "{set}"], "no task 'pair-sets' .*the nearest is pair-set"),
        (["{model}", "--tasks", ",", "--data", "{set}"], "at least one task: pair-set"),
        (["{model}", "--task", "pair-set", "--data", "{set}"], "no flag --task .*the nearest is --tasks"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--maskname"], "the nearest is --mask-names"),
        (["{model}", "--tasks", "pair-set"], "with --data"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}s"], "no folder .*the nearest is clean"),
        (["{model}", "--tasks", "pair-set", "--data", "{model}"], "no finished pair set"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--split", "tests"], "the nearest is test"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--split", "validation"], r"it has train \(1\), test"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--split", "train"], "has one row"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--protocol", "csn1k"], "the nearest is csn-1k"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--output", "{set}"], "--output .* is not a file"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--output", "{set}/no/x.json"], "--output"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--device", "gpu9"], "no device 'gpu9'"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--seed", "-1"], "--seed"),
        (["{model}"], "--tasks"),
        ([], "MODEL"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(argv, words, pair_set, model, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([word.replace("{model}", str(model)).replace("{set}", str(pair_set)) for word in argv])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert re.search(words, err) and err.count("\n") == 1 and not out


def test_a_damaged_model_is_one_sentence_and_exit_2(pair_set, model, tmp_path, capsys):
    folder = tmp_path / "damaged"
    shutil.copytree(model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(SystemExit) as stopped:
        main([str(folder), "--tasks", "pair-set", "--data", str(pair_set)])
    assert stopped.value.code == 2 and "cannot be loaded as a model" in capsys.readouterr().err


def test_the_script_runs_from_any_folder(tmp_path):
    """Without an install, and with names in the folder that would shadow modules."""
    (tmp_path / "random.py").write_text("raise SystemExit('shadowed')")
    done = subprocess.run(
        [sys.executable, str(ROOT / "train" / "evaluate.py"), "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and "--strip-comments" in done.stdout, done.stderr
