"""The probe against SentEval's protocol written out plainly: its order, folds, grid, rounding and features."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from tests.train.probes.conftest import WordCounts
from train.evaluation.summaries import f1
from train.probes import splits
from train.probes.labelled import LabelledText, ProbeSet, features, label_array
from train.probes.senteval import LAYOUTS, find_tasks, read_task
from train.probes.splits import CLASSIFIERS, check_folds, predict


def featured(probe):
    return lambda texts: features(WordCounts(), texts)


def read(senteval, name):
    return read_task(name, dict(find_tasks(senteval))[name])


def fitted(c, x, y):
    return LogisticRegression(C=c, random_state=1111, max_iter=1000).fit(x, y)


def embed(texts):
    return WordCounts().encode(texts)


def in_folds(x, y, folds=10):
    return StratifiedKFold(n_splits=folds, shuffle=True, random_state=1111).split(x, y)


def cross_validated(x, y, grid, folds=10):
    """SentEval's choice: the first of the best rounded mean accuracies."""
    means = []
    for c in grid:
        scores = [fitted(c, x[a], y[a]).score(x[b], y[b]) for a, b in in_folds(x, y, folds)]
        means.append(round(100 * np.mean(scores), 2))
    return grid[int(np.argmax(means))]


def sorted_samples(samples):
    """(words, …, label) by the number of words of each sentence, then the label, as SentEval's `run` methods do."""
    return sorted(samples, key=lambda z: (*(len(words) for words in z[:-1]), z[-1]))


def joined(samples, column):
    return embed([" ".join(sample[column]) for sample in samples])


@pytest.mark.parametrize("folds", [4, pytest.param(10, marks=pytest.mark.slow)])
def test_one_file_a_class_is_nested_cross_validation(senteval, folds, monkeypatch):
    monkeypatch.setattr(splits, "FOLDS", folds)
    lines = {
        label: [line.split() for line in (senteval / "MR" / f"rt-polarity.{label}").read_text("latin-1").splitlines()]
        for label in ("pos", "neg")
    }
    samples = sorted_samples([(words, 1) for words in lines["pos"]] + [(words, 0) for words in lines["neg"]])
    x, y = joined(samples, 0), np.array([label for _, label in samples])
    grid = [2**t for t in range(-2, 4)]
    chosen, accuracies = [], []
    for a, b in in_folds(x, y, folds):
        chosen.append(cross_validated(x[a], y[a], grid, folds))
        accuracies.append(round(100 * fitted(chosen[-1], x[a], y[a]).score(x[b], y[b]), 2))
    probe = read(senteval, "MR")
    said = predict(probe, CLASSIFIERS["linear"], featured(probe))
    assert said.accuracy == round(np.mean(accuracies), 2)
    assert list(said.chosen) == chosen
    right = said.labels == label_array(said.texts)
    assert len(right) == 120 and 0.6 < right.mean() < 1
    assert 100 * right.mean() == pytest.approx(said.accuracy, abs=0.01)


def test_a_development_file_chooses(senteval):
    split = {}
    for name in ("train", "dev", "test"):
        lines = (senteval / "SST" / "binary" / f"sentiment-{name}").read_text().splitlines()
        samples = sorted_samples([(line.split("\t")[0].split(), int(line.split("\t")[1])) for line in lines])
        split[name] = joined(samples, 0), np.array([label for _, label in samples])
    grid = [2**t for t in range(-2, 4)]
    best = grid[int(np.argmax([round(100 * fitted(c, *split["train"]).score(*split["dev"]), 2) for c in grid]))]
    probe = read(senteval, "SST2")
    said = predict(probe, CLASSIFIERS["linear"], featured(probe))
    assert said.chosen == (best,)
    assert said.accuracy == round(100 * fitted(best, *split["train"]).score(*split["test"]), 2)


def test_pairs_are_the_difference_and_the_product_and_the_training_file_chooses(senteval):
    split = {}
    for name in ("train", "test"):
        lines = (senteval / "MRPC" / f"msr_paraphrase_{name}.txt").read_text("utf-8").strip().split("\n")[1:]
        rows = [line.strip().split("\t") for line in lines]
        samples = sorted_samples([(row[3].split(), row[4].split(), int(row[0])) for row in rows])
        u, v = joined(samples, 0), joined(samples, 1)
        split[name] = np.c_[np.abs(u - v), u * v], np.array([sample[-1] for sample in samples])
    best = cross_validated(*split["train"], [2**t for t in range(-1, 6)])
    expected = fitted(best, *split["train"]).predict(split["test"][0])
    probe = read(senteval, "MRPC")
    said = predict(probe, CLASSIFIERS["linear"], featured(probe))
    assert said.chosen == (best,) and said.labels.tolist() == expected.tolist()
    values = np.column_stack([label_array(said.texts), said.labels])
    assert f1(values)[0] == pytest.approx(f1_score(split["test"][1], expected))


def test_six_kinds_of_question(senteval):
    probe = read(senteval, "TREC")
    said = predict(probe, CLASSIFIERS["linear"], featured(probe))
    assert len(said.texts) == 36 and said.accuracy > 90


@pytest.mark.parametrize("seed", range(5))
def test_f1_is_scikit_learns(seed):
    true, said = np.random.default_rng(seed).integers(0, 2, (2, 40))
    assert f1(np.column_stack([true, said]))[0] == pytest.approx(f1_score(true, said))
    assert f1(np.zeros((3, 2)))[0] == 0


def test_neighbours_vote_and_their_number_is_chosen(senteval):
    probe = read(senteval, "TREC")
    said = predict(probe, CLASSIFIERS["knn"], featured(probe))
    assert said.chosen[0] in (1, 4, 16, 64)
    model = KNeighborsClassifier(int(said.chosen[0]), metric="cosine")
    train = sorted(probe.train, key=lambda one: (len(one.text.split()), one.label))
    model.fit(embed([one.text for one in train]), [one.label for one in train])
    assert said.labels.tolist() == model.predict(embed([one.text for one in said.texts])).tolist()


def test_labels_that_texts_do_not_tell_are_guessed_at_chance():
    rng = np.random.default_rng(0)
    texts = [LabelledText(str(i), "x", i % 2) for i in range(400)]
    train, dev, test = texts[:100], texts[100:200], texts[200:]
    vectors = {str(i): row for i, row in enumerate(rng.standard_normal((400, 8)))}
    probe = ProbeSet("random", "all", ("a", "b"), train, dev, test)
    said = predict(probe, CLASSIFIERS["linear"], lambda some: np.stack([vectors[one.name] for one in some]))
    assert abs(said.accuracy - 50) < 14  # four standard errors


def test_too_few_texts_of_a_label_are_refused():
    texts = [LabelledText(str(i), "x", int(i > 19)) for i in range(31)]
    with pytest.raises(ValueError, match=r"label 'b' has 11 training texts, .*10-fold .* needs 12"):
        check_folds(ProbeSet("few", "en", ("a", "b"), texts))
    check_folds(ProbeSet("few", "en", ("a", "b"), texts, test=texts))


def test_every_task_of_senteval_is_found_where_its_scripts_put_it(senteval):
    assert [name for name, _ in find_tasks(senteval)] == list(LAYOUTS)
    assert [name for name, _ in find_tasks(senteval / "SST" / "binary")] == ["SST2"]
