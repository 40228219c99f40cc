"""The numbers of the quality rules, as their sources give them."""

from __future__ import annotations

from dataclasses import dataclass

TOP_NGRAMS = (2, 3, 4)
REPEATED_NGRAMS = (5, 6, 7, 8, 9, 10)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Gopher: Rae et al. 2021, appendix A.1.1 and table A1. C4: Raffel et al. 2020, 2.2, and its code. FineWeb: Penedo
    et al. 2024, 3.6. Shares are of 0 to 1; a page is refused beyond its threshold and kept at it.
    """

    gopher_min_words: int = 50
    gopher_max_words: int = 100_000
    gopher_min_word_length: float = 3.0
    gopher_max_word_length: float = 10.0
    gopher_max_symbols_per_word: float = 0.1
    gopher_max_bullet_lines: float = 0.9
    gopher_max_ellipsis_lines: float = 0.3
    gopher_min_letter_words: float = 0.8
    gopher_min_stop_words: int = 2
    gopher_max_duplicate_lines: float = 0.3
    gopher_max_duplicate_line_chars: float = 0.2
    gopher_max_top_ngrams: tuple[float, ...] = (0.20, 0.18, 0.16)
    """Of the text's characters, in the most frequent n-gram of 2, 3 and 4 words."""
    gopher_max_repeated_ngrams: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)
    """Of the text's characters, in repeated n-grams of 5 to 10 words."""
    c4_min_line_words: int = 3
    c4_max_word_length: int = 1000
    c4_min_sentences: int = 5
    fineweb_min_punctuated_lines: float = 0.12
    fineweb_short_line: int = 30
    """Characters; in scripts without spaces between words half as many."""
    fineweb_max_short_lines: float = 0.67
    fineweb_max_duplicate_chars: float = 0.01
    fineweb_max_newlines_per_word: float = 0.3

    def __post_init__(self) -> None:
        for name, sizes in (("gopher_max_top_ngrams", TOP_NGRAMS), ("gopher_max_repeated_ngrams", REPEATED_NGRAMS)):
            if len(getattr(self, name)) != len(sizes):
                words = ", ".join(map(str, sizes))
                raise ValueError(f"{name} needs {len(sizes)} shares, for n-grams of {words} words")
