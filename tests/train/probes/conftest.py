"""SentEval's files written small, and an encoder that needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

GOOD = ("great", "lovely", "warm", "fine", "superb")
BAD = ("awful", "dull", "bleak", "poor", "tedious")
NEUTRAL = ("the", "film", "story", "a", "quite", "of", "and", "plot", "was", "it")
QUESTIONS = {"ABBR": "stand", "DESC": "why", "ENTY": "animal", "HUM": "who", "LOC": "where", "NUM": "many"}


class WordCounts:
    """Counts of words by a stable hash of their letters: texts that share words are near."""

    dimension = 61

    def encode(self, texts: Sequence[str], side: str = "anchor", batch_size: int = 32) -> np.ndarray:
        counts = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(counts, texts, strict=True):
            for word in text.lower().split():
                row[sum(ord(letter) * 7**i for i, letter in enumerate(word)) % self.dimension] += 1
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def sentences(count: int, words: Sequence[str], seed: int) -> list[str]:
    """Sentences of 3 to 9 words; two of three hold one of `words`."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        text = list(rng.choice(NEUTRAL, rng.integers(2, 9)))
        text.insert(1, str(rng.choice(words if i % 3 else NEUTRAL)))
        found.append(" ".join(text))
    return found


def write_lines(path: Path, lines: Sequence[str], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + "\n" for line in lines).encode(encoding))


@pytest.fixture(scope="session")
def senteval(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SentEval's data/downstream with few texts: all seven tasks in their own layouts."""
    root = tmp_path_factory.mktemp("downstream")
    files = {"MR": "rt-polarity", "CR": "custrev", "MPQA": "mpqa"}
    for seed, (task, name) in enumerate(files.items()):
        write_lines(root / task / f"{name}.pos", sentences(61, GOOD, seed), "latin-1")
        write_lines(root / task / f"{name}.neg", [*sentences(58, BAD, 10 + seed), "caf\xe9 bleak"], "latin-1")
    write_lines(root / "SUBJ" / "subj.objective", sentences(60, GOOD, 20), "latin-1")
    write_lines(root / "SUBJ" / "subj.subjective", sentences(60, BAD, 21), "latin-1")
    for split, count in (("train", 80), ("dev", 30), ("test", 40)):
        both = [(text, 1) for text in sentences(count, GOOD, 30)] + [(text, 0) for text in sentences(count, BAD, 31)]
        write_lines(root / "SST" / "binary" / f"sentiment-{split}", [f"{text}\t{label}" for text, label in both])
    for name, count in (("train_5500", 20), ("TREC_10", 6)):
        lines = [
            f"{label}:fine {word} {text} ?"
            for label, word in QUESTIONS.items()
            for text in sentences(count, NEUTRAL, len(word))
        ]
        write_lines(root / "TREC" / f"{name}.label", lines, "latin-1")
    for split, count in (("train", 60), ("test", 30)):
        firsts, others = sentences(count, GOOD, 40), sentences(count, BAD, 41)
        lines = ["\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
        for i, (first, other) in enumerate(zip(firsts, others, strict=True)):
            same = i % 3 > 0
            lines.append(f'{int(same)}\t{i}\t{i + 1}\t{first}\t{first + " indeed" if same else other} "quoted')
        write_lines(root / "MRPC" / f"msr_paraphrase_{split}.txt", lines)
    return root
