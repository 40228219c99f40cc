"""Training and testing a classifier by SentEval's rules (Conneau and Kiela 2018; its ``tools/validation.py``).

The strength of the regularisation is chosen by accuracy on texts that are not the tested ones:

- only one file: 10-fold cross-validation, and in each fold's training part another 10-fold one that chooses;
- training and test files: a 10-fold cross-validation of the training file chooses;
- a development file too: it chooses.

Folds are stratified and shuffled with SentEval's seed, accuracies are rounded to 0.01 % before they are compared and
the first of equals wins. Texts are ordered by their number of words and then by label first, as SentEval orders them,
for the folds depend on the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from train.probes.labelled import LabelledText, ProbeSet, label_array

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

SEED = 1111
FOLDS = 10


@dataclass(frozen=True)
class Classifier:
    """A kind of classifier and the values of the one parameter that is chosen."""

    name: str
    parameter: str
    make: Callable[[float], ClassifierMixin]
    nested_grid: tuple[float, ...]
    """Where texts are cross-validated twice, or a development file chooses."""
    train_grid: tuple[float, ...]
    """Where the training file is cross-validated."""


@dataclass(frozen=True)
class Predictions:
    """What a classifier said of the tested texts."""

    texts: Sequence[LabelledText]
    labels: np.ndarray
    """int64, one a text."""
    chosen: tuple[float, ...]
    """The parameter that was chosen, one a fold."""
    accuracy: float
    """As SentEval prints it, in percent: of a cross-validation the mean of the folds' rounded accuracies."""


def logistic_regression(strength: float) -> ClassifierMixin:
    """scikit-learn's, whose C is `strength`; SentEval's choice without its own PyTorch one, run until it converges."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, random_state=SEED, max_iter=1000)


def nearest_neighbours(count: float) -> ClassifierMixin:
    """The majority of the `count` training texts with the highest cosine."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=int(count), metric="cosine", algorithm="brute")


CLASSIFIERS = {
    "linear": Classifier(
        "linear",
        "C",
        logistic_regression,
        tuple(2.0**power for power in range(-2, 4)),
        tuple(2.0**power for power in range(-1, 6)),
    ),
    "knn": Classifier("knn", "k", nearest_neighbours, (1, 4, 16, 64), (1, 4, 16, 64)),
}
"""SentEval's grids for logistic regression; the neighbours' are ours."""


def in_order(texts: Iterable[LabelledText]) -> list[LabelledText]:
    """By number of words, then label, then place: SentEval's order."""
    return sorted(texts, key=_key)


def _key(one: LabelledText) -> tuple[int, ...]:
    words = len(one.text.split())
    return (words, one.label) if one.second is None else (words, len(one.second.split()), one.label)


def check_folds(probe: ProbeSet) -> None:
    """ValueError where a label has too few training texts for the cross-validation."""
    needed = 1 if probe.dev is not None else FOLDS if probe.test is not None else FOLDS + 2
    counts = np.bincount(label_array(probe.train), minlength=len(probe.labels))
    for label, count in zip(probe.labels, counts, strict=True):
        if count < needed:
            raise ValueError(
                f"{probe.data}, {probe.part}: label {label!r} has {count:,} training texts, and {FOLDS}-fold "
                f"cross-validation needs {needed}; leave the label out or add texts"
            )


def predict(probe: ProbeSet, classifier: Classifier, featured: Callable[..., np.ndarray]) -> Predictions:
    """Predictions for all tested texts. `featured` gives the features of some texts of the set, a row each."""
    train = in_order(probe.train)
    x, y = featured(train), label_array(train)
    if probe.test is None:
        return _nested(train, x, y, classifier)
    test = in_order(probe.test)
    if probe.dev is None:
        chosen = _best(classifier, classifier.train_grid, x, y, list(_folds(x, y)))
    else:
        dev = in_order(probe.dev)
        places = np.arange(len(train)), np.arange(len(train), len(train) + len(dev))
        both = np.concatenate([x, featured(dev)]), np.concatenate([y, label_array(dev)])
        chosen = _best(classifier, classifier.nested_grid, *both, [places])
    said = classifier.make(chosen).fit(x, y).predict(featured(test))
    return Predictions(test, said, (chosen,), _percent((said == label_array(test)).mean()))


def _nested(texts: Sequence[LabelledText], x: np.ndarray, y: np.ndarray, classifier: Classifier) -> Predictions:
    said, chosen, accuracies = np.empty_like(y), [], []
    for train, test in _folds(x, y):
        inner = list(_folds(x[train], y[train]))
        chosen.append(_best(classifier, classifier.nested_grid, x[train], y[train], inner))
        said[test] = classifier.make(chosen[-1]).fit(x[train], y[train]).predict(x[test])
        accuracies.append(_percent((said[test] == y[test]).mean()))
    return Predictions(texts, said, tuple(chosen), round(float(np.mean(accuracies)), 2))


def _folds(x: np.ndarray, y: np.ndarray) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(x, y)


def _best(
    classifier: Classifier,
    grid: Sequence[float],
    x: np.ndarray,
    y: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
) -> float:
    """The value of the grid with the best mean accuracy; values that the folds are too small for are left out."""
    smallest = min(len(train) for train, _ in folds)
    fitting = [value for value in grid if classifier.parameter != "k" or value <= smallest]
    means = [_percent(np.mean([_accuracy(classifier, value, x, y, *fold) for fold in folds])) for value in fitting]
    return fitting[int(np.argmax(means))]


def _accuracy(
    classifier: Classifier, value: float, x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> Any:
    return classifier.make(value).fit(x[train], y[train]).score(x[test], y[test])


def _percent(share: float) -> float:
    return round(100 * float(share), 2)
