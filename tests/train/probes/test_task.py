"""`pairmill evaluate --probe` as its users meet it, and files that are not what they should be."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from schemas import Provenance, make_pair
from tests.train.made_sets import row_of, write_set
from tests.train.probes.conftest import WordCounts, sentences, write_lines
from train import evaluate
from train.evaluate import main
from train.probes.senteval import read_task
from train.probes.splits import in_order

WORDS = {"en": ("loud", "quiet"), "de": ("laut", "leise")}


@pytest.fixture
def counting(monkeypatch):
    """The evaluator with counts of words for a model."""
    monkeypatch.setattr(evaluate, "load_model", lambda *_: WordCounts())


def labelled_lines(count, seed):
    lines = []
    for language, words in WORDS.items():
        for label, word in enumerate(words):
            for i, text in enumerate(sentences(count, [word], seed + label)):
                value = {"text": text, "label": label, "language": language, "group": f"page{i // 3}"}
                lines.append(json.dumps(value, ensure_ascii=False))
    return lines


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A labelled folder in two languages."""
    folder = tmp_path_factory.mktemp("sets") / "volume"
    write_lines(folder / "train.jsonl", labelled_lines(30, 1))
    write_lines(folder / "test.jsonl", labelled_lines(20, 5))
    return folder


def measured(tmp_path, *argv):
    output = tmp_path / "scores.json"
    assert main(["model", *map(str, argv), "--output", str(output), "--device", "cpu", "--quiet"]) == 0
    return json.loads(output.read_text())


def test_senteval_by_two_classifiers(counting, senteval, tmp_path, capsys):
    only = tmp_path / "few"
    for task in ("TREC", "MRPC", "SST"):
        shutil.copytree(senteval / task, only / task)
    result = measured(tmp_path, "--probe", only, "--classifier", "linear,zero-shot")
    rows = {(row["data"], row["protocol"]): row for row in result["rows"]}
    assert set(rows) == {
        *((data, "senteval linear") for data in ("SST2", "TREC", "MRPC", "few")),
        *((data, "senteval zero-shot") for data in ("SST2", "TREC", "few")),
        ("MRPC", "senteval linear, F1"),
    }
    accuracy = {data: row["scores"]["accuracy"] for (data, kind), row in rows.items() if kind == "senteval linear"}
    assert accuracy["few"]["value"] == pytest.approx(np.mean([accuracy[d]["value"] for d in ("SST2", "TREC", "MRPC")]))
    for score in accuracy.values():
        assert 0 < score["low"] < score["value"] < score["high"] <= 1 or score["value"] == 1
    assert rows["MRPC", "senteval linear, F1"]["scores"]["f1"]["value"] > 0.5
    sst = rows["SST2", "senteval linear"]
    assert sst["items"] == 80 and sst["details"]["accuracy as SentEval rounds it"] == pytest.approx(
        100 * sst["scores"]["accuracy"]["value"], abs=0.01
    )
    assert result["tasks"]["probe"]["prompts"]["SST2"]["positive"] == "This is an example of a positive movie review."
    assert any("no MR, CR, SUBJ, MPQA: the mean is not the papers'" in note for note in result["notes"])
    assert any("MRPC has no prompts" in note for note in result["notes"])
    assert "senteval linear" in capsys.readouterr().out


def test_each_language_has_its_row_and_one_can_train_for_all(counting, labelled, tmp_path):
    rows = {row["part"]: row for row in measured(tmp_path, "--probe", labelled)["rows"]}
    assert set(rows) == {"en", "de", "mean of languages"}
    assert {row["protocol"] for row in rows.values()} == {"labelled, linear"}
    assert rows["en"]["groups"] == 7 and rows["en"]["scores"]["accuracy"]["group_low"] is not None
    assert rows["de"]["scores"]["accuracy"]["value"] > 0.7
    crossed = measured(tmp_path, "--probe", labelled, "--probe-train-language", "en")["rows"]
    by_part = {row["part"]: row["scores"]["accuracy"]["value"] for row in crossed}
    assert {row["protocol"] for row in crossed} == {"trained on en, linear"}
    # The encoder counts words and knows no German: what English taught it is of no use there.
    assert by_part["en"] >= 0.65 > 0.55 > by_part["de"]


def test_blank_lines_of_senteval_are_sentences(counting, tmp_path):
    """Its CR has four and MPQA three; what stands there is encoded as its own examples do, and ordered as 0 words."""
    good, bad = sentences(149, ["great"], 1), sentences(150, ["awful"], 2)
    write_lines(tmp_path / "CR" / "custrev.pos", [*good, ""])
    write_lines(tmp_path / "CR" / "custrev.neg", bad)
    result = measured(tmp_path, "--probe", tmp_path / "CR", "--classifier", "knn,zero-shot")
    assert {row["items"] for row in result["rows"]} == {300}
    assert "CR has 1 blank lines, which count as sentences: '.' is encoded" in result["notes"]
    first = in_order(read_task("CR", tmp_path / "CR").train)[0]
    assert (first.text, first.label) == ("", 1)


def test_labelled_texts_that_leak_are_left_out(counting, labelled, tmp_path):
    """The first ten English texts of the test file are passages of the training set too."""
    leaked = [json.loads(line)["text"] for line in (labelled / "test.jsonl").read_text().splitlines()[:10]]
    rows = [
        make_pair(
            kind="neighbor_text",
            language="en",
            anchor=text,
            positive=f"what follows {i}",
            place=("w", i),
            group=None,
            provenance=Provenance(),
        )
        for i, text in enumerate(leaked)
    ]
    train_set = write_set(tmp_path / "pairs", train=rows)
    result = measured(tmp_path, "--probe", labelled, "--train-set", train_set)
    kept, clean = (row_of(result["rows"], part="mean of languages", leaked=side) for side in ("kept", "left out"))
    found = result["leaks"]["equal"] + result["leaks"]["near"]
    assert found >= 10 and clean["items"] == kept["items"] - found == 80 - found
    assert row_of(result["rows"], part="en", leaked="left out")["items"] <= 30


def test_prompts_of_a_file(counting, labelled, tmp_path):
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps({"volume": {"0": "loud laut", "1": "quiet leise"}}))
    argv = ("--probe", labelled, "--classifier", "zero-shot", "--prompts", prompts)
    rows = {row["part"]: row["scores"]["accuracy"]["value"] for row in measured(tmp_path, *argv)["rows"]}
    assert rows["en"] > 0.7 and rows["de"] > 0.7


def broken(root, path, *lines, encoding="utf-8"):
    write_lines(root / path, lines, encoding)
    return root


MISTAKES = {
    "no folder": (lambda root, _: root / "none", "no such folder"),
    "nothing in it": (lambda root, _: root, "neither train.jsonl and test.jsonl nor a file of SentEval's MR, CR"),
    "half a task": (lambda root, _: broken(root, "rt-polarity.pos", "good"), "MR is not whole: .*rt-polarity.neg"),
    "blank lines": (
        lambda root, _: broken(broken(root, "mpqa.pos", "good"), "mpqa.neg", "bad", "  ", "bad"),
        "mpqa.neg, line 2: the text is empty, as in 1 of 3 lines",
    ),
    "empty text": (
        lambda root, senteval: broken(
            shutil.copytree(senteval / "TREC", root / "TREC"), "TREC_10.label", "HUM:ind who ?", "NUM:date "
        ),
        "TREC_10.label, line 2: the text is empty; take the line out",
    ),
    "empty files": (
        lambda root, _: broken(broken(root, "custrev.pos"), "custrev.neg"),
        "CR, en: label 'negative' has 0 training texts",
    ),
    "no tab": (
        lambda root, senteval: broken(
            shutil.copytree(senteval / "SST", root / "SST"), "binary/sentiment-dev", "a film\t1", "a film 1"
        ),
        "sentiment-dev, line 2: a line is a sentence, a tab, and 0 or 1",
    ),
    "other label": (
        lambda root, senteval: broken(
            shutil.copytree(senteval / "SST", root / "SST"), "binary/sentiment-test", "a film\t2"
        ),
        "sentiment-test, line 1",
    ),
    "not UTF-8": (
        lambda root, senteval: broken(
            shutil.copytree(senteval / "SST", root / "SST"),
            "binary/sentiment-train",
            "a film\t1",
            "caf\xe9\t1",
            encoding="latin-1",
        ),
        "sentiment-train, line 2: the line is not utf-8",
    ),
    "unknown question": (
        lambda root, senteval: broken(shutil.copytree(senteval / "TREC", root / "TREC"), "TREC_10.label", "X:y who ?"),
        "TREC_10.label, line 1: .* ABBR, DESC",
    ),
    "four columns": (
        lambda root, senteval: broken(
            shutil.copytree(senteval / "MRPC", root / "MRPC"), "msr_paraphrase_test.txt", "Quality", "1\t2\t3\tone"
        ),
        "msr_paraphrase_test.txt, line 2: .*two sentences",
    ),
    "too few": (
        lambda root, _: broken(broken(root, "custrev.pos", *"abcdefghijklm"), "custrev.neg", *"abc"),
        "CR, en: label 'negative' has 3 training texts",
    ),
    "no JSON": (
        lambda root, _: broken(broken(root, "train.jsonl", '{"text": "a", "label": 1}', "{"), "test.jsonl"),
        "train.jsonl, line 2: no JSON",
    ),
    "wrong key": (
        lambda root, _: broken(broken(root, "train.jsonl", '{"text": "a", "labels": 1}'), "test.jsonl"),
        "train.jsonl, line 1: there is no field 'labels' .*the nearest is label",
    ),
    "no text": (
        lambda root, _: broken(broken(root, "train.jsonl", '{"label": 1}'), "test.jsonl"),
        "train.jsonl, line 1: there is no field 'text'",
    ),
    "odd label": (
        lambda root, _: broken(broken(root, "train.jsonl", '{"text": "a", "label": [1]}'), "test.jsonl"),
        r"train.jsonl, line 1: the label is \[1\]",
    ),
    "nothing to test": (
        lambda root, _: broken(broken(root, "train.jsonl", '{"text": "a", "label": 1}'), "test.jsonl"),
        "test.jsonl holds no texts",
    ),
    "untrained label": (
        lambda root, _: broken(
            broken(root, "train.jsonl", *['{"text": "a", "label": 1}'] * 10), "test.jsonl", '{"text": "a", "label": 2}'
        ),
        "test.jsonl, line 1: label '2' has no all texts in .*train.jsonl",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_with_file_and_line(name, senteval, tmp_path, capsys):
    make, words = MISTAKES[name]
    refused(["--probe", str(make(tmp_path, senteval))], words, capsys)


def refused(argv, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["model", *argv])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1
    assert re.search(words, error)


def test_flags_that_do_not_fit(labelled, tmp_path, capsys):
    prompts = tmp_path / "prompts.json"
    prompts.write_text('{"volume": {"0": "loud"}}')
    probe = ["--probe", str(labelled)]
    refused([*probe, "--prompts", str(prompts)], "--prompts is for --classifier zero-shot", capsys)
    zero_shot = [*probe, "--classifier", "zero-shot", "--prompts", str(prompts)]
    refused(zero_shot, "no prompt for label '1' of volume", capsys)
    prompts.write_text('{"volum": {"0": "loud"}}')
    refused(zero_shot, "volum .*the nearest is volume", capsys)
    prompts.write_text("{")
    refused(zero_shot, "cannot be read as JSON", capsys)
    refused([*probe, "--classifier", "lineer"], "no classifier 'lineer' .*the nearest is linear", capsys)
    refused([*probe, "--probe-train-language", "fr"], "no texts in 'fr'; it has de, en", capsys)
    refused(["--probe", str(labelled), str(labelled)], "both hold a data set named volume", capsys)
