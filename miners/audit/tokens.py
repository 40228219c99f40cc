"""Lengths of both sides in the tokens of a tokenizer, of a seeded sample of rows.

The tokenizer is a file of the tokenizers library (`tokenizer.json`), which most published models come with. Special
tokens that it adds around a text are counted, as a model reads them; nothing is cut off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miners.audit.estimates import Z95, share_figures
from miners.audit.lengths import Lengths

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_NAME = "tokenizer.json"
LIMITS = (128, 256, 512, 1024, 2048, 8192)
"""Lengths at which models are trained or cut: the share of longer sides says what would be lost."""
QUANTILES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}


def read_tokenizer(path: str) -> str:
    """The definition of the tokenizer in a file, or in a model's folder; ValueError with the mend.

    Of a folder: its `tokenizer.json`, or that of its first module, as sentence-transformers writes models.
    """
    place = Path(path)
    named = [place / TOKENIZER_NAME, *sorted(place.glob(f"*/{TOKENIZER_NAME}"))] if place.is_dir() else [place]
    file = next((one for one in named if one.is_file()), named[0])
    if not file.is_file():
        raise ValueError(f"there is no tokenizer {file}; give a {TOKENIZER_NAME}, or the model's folder that has one")
    definition = file.read_text(encoding="utf-8", errors="replace")
    try:
        _tokenizer(definition)
    except ImportError:
        raise ValueError("--tokenizer needs the tokenizers library: pip install 'pairmill[train]'") from None
    except Exception as error:  # the library raises bare Exception for a definition that it cannot read
        raise ValueError(f"{file} is no tokenizer that the tokenizers library reads: {str(error)[:200]}") from None
    return definition


@dataclass
class TokenLengths:
    """Lengths in tokens by (kind, side), and their squares' sums, for the intervals of the means."""

    lengths: dict[tuple[str, str], Lengths] = field(default_factory=dict)
    squares: dict[tuple[str, str], int] = field(default_factory=dict)
    beyond: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    """Sides longer than each of `LIMITS`."""

    def add(self, definition: str, kinds: Sequence[str], side: str, texts: Sequence[str]) -> None:
        """Count the tokens of some texts of one side."""
        if not texts:
            return
        encoded = _tokenizer(definition).encode_batch_fast(list(texts))
        counts = np.array([len(one.ids) for one in encoded], np.int64)
        named = np.array(kinds, object)
        for kind in sorted(set(kinds)):
            mine, key = counts[named == kind], (kind, side)
            self.lengths.setdefault(key, Lengths()).add(mine)
            self.squares[key] = self.squares.get(key, 0) + int((mine * mine).sum())
            self._beyond(key)[:] += (mine[:, None] > np.array(LIMITS)).sum(0)

    def merge(self, other: TokenLengths) -> None:
        """Add the lengths of other rows."""
        for key, lengths in other.lengths.items():
            self.lengths.setdefault(key, Lengths()).merge(lengths)
            self.squares[key] = self.squares.get(key, 0) + other.squares[key]
            self._beyond(key)[:] += other.beyond[key]

    def figures(self, rows: dict[str, int], name: str) -> dict[str, Any]:
        """Plain values; `rows` are the set's rows of each kind, for the intervals."""
        entries = [self._entry(key, rows[key[0]]) for key in sorted(self.lengths)]
        return {"tokenizer": name, "entries": entries}

    def _entry(self, key: tuple[str, str], rows: int) -> dict[str, Any]:
        lengths = self.lengths[key]
        n, mean = lengths.n, lengths.total / lengths.n
        deviation = math.sqrt(max(0.0, self.squares[key] / n - mean * mean))
        margin = Z95 * deviation / math.sqrt(n)
        entry: dict[str, Any] = {"kind": key[0], "side": key[1], "unit": "tokens", "pairs": n}
        entry |= {"min": lengths.least, "max": lengths.greatest, "mean": mean}
        entry |= {"mean_interval": None if n >= rows else [max(0.0, mean - margin), mean + margin]}
        entry |= {quantile: lengths.quantile(q) for quantile, q in QUANTILES.items()}
        entry["estimated_total"] = round(mean * rows)
        entry["beyond"] = [
            {"tokens": limit, **share_figures(int(longer), n, rows)}
            for limit, longer in zip(LIMITS, self.beyond[key].tolist(), strict=True)
        ]
        entry["bins"] = [{"from": low, "to": high, "pairs": m} for low, high, m in lengths.doubling_bins()]
        return entry

    def _beyond(self, key: tuple[str, str]) -> np.ndarray:
        return self.beyond.setdefault(key, np.zeros(len(LIMITS), np.int64))


@lru_cache(maxsize=2)
def _tokenizer(definition: str) -> Tokenizer:
    """Built once a process; cutting off and padding are switched off, as lengths are what is asked."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(definition)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
