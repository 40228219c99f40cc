"""Gopher's rules of quality and repetition (Rae et al. 2021, A.1.1, table A1); True refuses the page.

Words are what stands between white space. A page's paragraphs are its lines here, so the table's rules of paragraphs
and of lines are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from miners.web.quality.page import TextPage, compiled_loops
from miners.web.quality.thresholds import REPEATED_NGRAMS, TOP_NGRAMS, Thresholds

STOP_WORDS = ("the", "of", "and", "to", "that", "with", "be", "have")


def words(page: TextPage, most: Thresholds) -> bool:
    """Too few words, or too many; signs that stand alone are none."""
    if page.words > most.gopher_max_words or page.letter_words < most.gopher_min_words:
        return not most.gopher_min_words <= page.named_words <= most.gopher_max_words
    return False


def word_length(page: TextPage, most: Thresholds) -> bool:
    """The mean length of words; the bounds are of English."""
    mean = int(page.word_chars[-1]) / max(1, page.words)
    return not most.gopher_min_word_length <= mean <= most.gopher_max_word_length


def symbols(page: TextPage, most: Thresholds) -> bool:
    """Hash signs or ellipses a word."""
    return max(page.marks.hash_signs, page.marks.ellipses) > most.gopher_max_symbols_per_word * page.words


def bullet_lines(page: TextPage, most: Thresholds) -> bool:
    """Lines that begin with a bullet."""
    return page.marks.bullet_lines > most.gopher_max_bullet_lines * len(page.lines)


def ellipsis_lines(page: TextPage, most: Thresholds) -> bool:
    """Lines that end with an ellipsis."""
    return page.marks.ellipsis_lines > most.gopher_max_ellipsis_lines * len(page.lines)


def letter_words(page: TextPage, most: Thresholds) -> bool:
    """Words with a letter in them."""
    return page.letter_words < most.gopher_min_letter_words * page.words


def stop_words(page: TextPage, most: Thresholds) -> bool:
    """How many of eight common English words occur."""
    missing = most.gopher_min_stop_words
    for word in STOP_WORDS:  # most frequent first: the common page is through without a set of all of its words
        missing -= f" {word} " in page.text
        if missing <= 0:
            return False
    return len(set(STOP_WORDS).intersection(page.text.split())) < most.gopher_min_stop_words


def duplicate_lines(page: TextPage, most: Thresholds) -> bool:
    """Lines that stood before."""
    return page.duplicate_lines[0] > most.gopher_max_duplicate_lines * len(page.lines)


def duplicate_line_chars(page: TextPage, most: Thresholds) -> bool:
    """Characters in lines that stood before."""
    return page.duplicate_lines[1] > most.gopher_max_duplicate_line_chars * len(page.text)


def top_ngrams(page: TextPage, most: Thresholds) -> bool:
    """Characters in the most frequent n-gram of 2, 3 or 4 words."""
    starts, ends = page.word_spans
    if loops := compiled_loops():
        sizes, shares = _sizes(page, TOP_NGRAMS), _shares(most.gopher_max_top_ngrams)
        return loops.top_ngrams(starts, ends, page.word_hashes, sizes, shares, len(page.text))
    if not _may_have_top_ngrams(page, min(most.gopher_max_top_ngrams)):
        return False
    frequency = page.words
    for share, (size, keys) in zip(most.gopher_max_top_ngrams, _ngrams(page, TOP_NGRAMS), strict=False):
        allowed = share * len(page.text)
        lengths = ends[size - 1 :] - starts[: len(keys)]
        longest = int(lengths.max())
        if frequency * longest <= allowed:
            continue  # no n-gram is more frequent than the shorter one that begins it
        ordered = np.sort(keys)
        last = np.concatenate((np.flatnonzero(ordered[1:] != ordered[:-1]), [len(ordered) - 1]))
        counts = last - np.concatenate(([-1], last[:-1]))
        frequency = int(counts.max())
        if frequency * longest > allowed:
            first = np.isin(keys, ordered[last[counts == frequency]]).argmax()
            if frequency * int(lengths[first]) > allowed:
                return True
    return False


def _may_have_top_ngrams(page: TextPage, least_share: float) -> bool:
    """Whether the shortest n-grams repeat so often that, were all as long as the longest, they would be too much."""
    sizes = _sizes(page, TOP_NGRAMS).tolist()
    if not sizes:
        return False
    starts, ends = page.word_spans
    longest = int((ends[sizes[-1] - 1 :] - starts[: len(starts) - sizes[-1] + 1]).max())
    often = int(least_share * len(page.text) // longest) + 1
    ordered = np.sort(page.ngrams(sizes[0]))
    return often <= len(ordered) and bool((ordered[often - 1 :] == ordered[: len(ordered) - often + 1]).any())


def repeated_ngrams(page: TextPage, most: Thresholds) -> bool:
    """Characters in n-grams of 5 to 10 words that stood before, no word counted twice."""
    shares = most.gopher_max_repeated_ngrams
    if loops := compiled_loops():
        sizes = _sizes(page, REPEATED_NGRAMS)
        return loops.repeated_ngrams(page.word_hashes, page.word_chars, sizes, _shares(shares), len(page.text))
    for share, (size, keys) in zip(shares, _ngrams(page, REPEATED_NGRAMS), strict=False):
        apart, together = _chars(_repeats(keys), size, page.word_chars)
        if apart > share * len(page.text):
            return True
        if together <= min(shares) * len(page.text):
            return False  # a longer n-gram that stood before consists of shorter ones that did
    return False


def _ngrams(page: TextPage, sizes: tuple[int, ...]) -> Iterator[tuple[int, np.ndarray]]:
    """(size in words, hash of each n-gram) as far as the page has as many words."""
    return ((size, page.ngrams(size)) for size in _sizes(page, sizes).tolist())


def _sizes(page: TextPage, sizes: tuple[int, ...]) -> np.ndarray:
    """Of these sizes those that the page has n-grams of, in characters where these count as words."""
    times = 1 if page.spaced else 2
    return _first_sizes(sizes, times, min(page.words // times, max(sizes)))


@lru_cache(maxsize=64)
def _first_sizes(sizes: tuple[int, ...], times: int, most: int) -> np.ndarray:
    return np.array([times * size for size in sizes if size <= most], np.int64)


@lru_cache(maxsize=4)
def _shares(shares: tuple[float, ...]) -> np.ndarray:
    return np.array(shares, np.float64)


def _repeats(keys: np.ndarray) -> np.ndarray:
    """Where the n-grams are that stood before, in order."""
    bits = np.uint64(len(keys).bit_length())  # the low bits give way to the place, so that one quick sort tells both
    ordered = np.sort((keys << bits) | np.arange(len(keys), dtype=np.uint64))
    place = (np.uint64(1) << bits) - np.uint64(1)
    same = ordered[1:] ^ ordered[:-1] <= place
    return np.sort(ordered[1:][same] & place)


def _chars(places: np.ndarray, size: int, chars: np.ndarray) -> tuple[int, int]:
    """Characters in the n-grams at these places: in those that do not overlap the one before, and in all."""
    begins, ends = chars[places].tolist(), chars[places + np.uint64(size)].tolist()
    apart = together = free = covered = 0
    for begin, end in zip(begins, ends, strict=True):
        if begin >= free:
            apart += end - begin
            free = end
        together += end - max(begin, covered)
        covered = end
    return apart, together
