"""Where secrets stand in a text, and the text without them.

What can be lost: a secret without quotes, telling prefix or telling name; one that is broken over two lines, unless it
is a private key.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from miners.secrets.rules import LEAST_RUN, Rule, keyword_rule, password_in_url_rule, token_rules

Hints = tuple[bytes, ...]

LONGEST_LINE = 2_000
"""Longer lines are looked at in pieces of this many characters: the library's patterns are meant for lines."""
LAP = 400
"""How far pieces of a line overlap."""
_TOKEN_BYTES = (string.ascii_letters + string.digits + "-_+/=").encode()
_SHAPES = bytes(ord("a") if byte in _TOKEN_BYTES else ord(" ") for byte in range(256))
_RUN = b"a" * LEAST_RUN
_LONGEST_RUN = 100
"""No rule needs a longer run."""
KEYWORD_ROOTS = (b"key", b"pass", b"pwd", b"secret", b"contrase")
"""Every hint of the keyword rule begins or ends with one of these."""
_URL_MARK = b"://"
_KEY_MARK = "PRIVATE KEY"
_PRIVATE_KEY = re.compile(
    r"-{5}BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-{5}"
    r"(?=[\s\S]{0,400}?[A-Za-z0-9+/=]{24})"  # a body follows: the first line alone is talk about keys
    r"[A-Za-z0-9+/=\s\\\"',:.()-]{0,20000}?"
    r"(?:-{5}END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-{5}|(?=[^A-Za-z0-9+/=\s\\\"',:.()-])|\Z)"
)


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret's place in a text, in code points."""

    start: int
    end: int
    detector: str
    """detect-secrets' name of the rule that found it, such as AWSKeyDetector."""


def find_secrets(text: str) -> list[Secret]:
    """The secrets of a text in order; none overlaps another.

    By detect-secrets 1.5's patterns, limits and filters, of a private key the whole block. A value that only its
    randomness makes suspicious counts from 20 characters on, and not where it is a UUID or as long as a checksum.
    """
    return _merged(_found(text))


def may_hold_secrets(texts: Sequence[str]) -> list[bool]:
    """For each text whether `find_secrets` has to be asked; False is certain. One search for all is quicker."""
    whole = "\n".join(texts)
    # The end of a key that lacks one depends on what follows it, so the texts are asked for keys one by one.
    held = [_KEY_MARK in text for text in texts] if _KEY_MARK in whole else [False] * len(texts)
    ends = list(accumulate(len(text) + 1 for text in texts))
    for secret in _found(whole):
        for i in range(bisect_right(ends, secret.start), bisect_left(ends, secret.end) + 1):
            held[i] = True
    return held


def _found(text: str) -> Iterator[Secret]:
    """What each rule finds, the most telling first; they may overlap."""
    folded = text.encode("ascii", "replace")  # a byte a code point, so that places are the same
    shape = folded.translate(_SHAPES)
    folded = folded.lower()
    yield from _private_keys(text)
    for begin, end in sorted(_lines_with(shape, _RUN, folded)):
        longest = max(map(len, shape[begin:end].split()))
        yield from _found_in(_token_rules(min(longest, _LONGEST_RUN)), text, folded, begin, end)
    for begin, end in sorted(_keyword_lines(folded)):
        yield from _found_in((keyword_rule(),), text, folded, begin, end)
    for begin, end in sorted(_lines_with(folded, _URL_MARK, folded)):
        yield from _found_in((password_in_url_rule(),), text, folded, begin, end)


def redact(text: str, found: Sequence[Secret]) -> str:
    """The text with each secret as `<SECRET:AWSKeyDetector>`, with its detector's name; every line stays a line."""
    pieces, position = [], 0
    for secret in found:
        lines = text.count("\n", secret.start, secret.end)
        pieces += [text[position : secret.start], placeholder(secret), "\n" * lines]
        position = secret.end
    return "".join((*pieces, text[position:]))


def placeholder(secret: Secret) -> str:
    """What stands for a secret in a redacted text."""
    return f"<SECRET:{secret.detector}>"


def _private_keys(text: str) -> Iterator[Secret]:
    if _KEY_MARK in text:
        for match in _PRIVATE_KEY.finditer(text):
            yield Secret(match.start(), match.end(), "PrivateKeyDetector")


def _lines_with(
    seen: bytes, needle: bytes, text: bytes, counts: Callable[[int], bool] | None = None
) -> set[tuple[int, int]]:
    """Where the lines of `text` are in which `seen`, of the same length, has the needle at a place that counts."""
    lines = set()
    position = seen.find(needle)
    while position >= 0:
        after = position + 1
        if counts is None or counts(position):
            line = _line_at(text, position)
            lines.add(line)
            after = max(after, line[1])
        position = seen.find(needle, after)
    return lines


def _keyword_lines(text: bytes) -> set[tuple[int, int]]:
    """Where the lines are that have one of the keyword rule's hints: five searches in place of thirty."""
    lines: set[tuple[int, int]] = set()
    for root, ending, beginning in _keyword_roots():

        def counts(place: int, root: bytes = root, ending: Hints = ending, beginning: Hints = beginning) -> bool:
            return text.endswith(ending, 0, place + len(root)) or text.startswith(beginning, place)

        lines |= _lines_with(text, root, text, counts)
    return lines


@lru_cache(maxsize=1)
def _keyword_roots() -> tuple[tuple[bytes, Hints, Hints], ...]:
    """The words that the keyword rule's hints have in common, with the hints that end and that begin with each."""
    hints = keyword_rule().hints
    return tuple(
        (root, tuple(h for h in hints if h.endswith(root)), tuple(h for h in hints if h.startswith(root)))
        for root in KEYWORD_ROOTS
    )


def _line_at(text: bytes, position: int) -> tuple[int, int]:
    """The line around a place; of a very long one the piece, with what stands at both of its ends."""
    begin = text.rfind(b"\n", 0, position) + 1
    end = text.find(b"\n", position)
    end = len(text) if end < 0 else end
    if end - begin <= LONGEST_LINE:
        return begin, end
    piece = begin + (position - begin) // LONGEST_LINE * LONGEST_LINE
    return max(begin, piece - LAP), min(end, piece + LONGEST_LINE + LAP)


@lru_cache(maxsize=_LONGEST_RUN + 1)
def _token_rules(longest: int) -> tuple[Rule, ...]:
    """Those that may match in a line whose longest run is so long."""
    return tuple(rule for rule in token_rules() if rule.run <= longest)


def _found_in(rules: Iterable[Rule], text: str, folded: bytes, begin: int, end: int) -> Iterator[Secret]:
    line, seen = text[begin:end], folded[begin:end]
    for rule in rules:
        for hint in rule.hints:
            if hint in seen:
                for start, stop in rule.find(line):
                    yield Secret(begin + start, begin + stop, rule.detector)
                break


def _merged(found: Iterable[Secret]) -> list[Secret]:
    """In order, overlapping ones as one that has the name of the first that was found."""
    ranked = sorted(enumerate(found), key=lambda item: (item[1].start, item[1].end))
    merged: list[tuple[int, Secret]] = []
    for rank, secret in ranked:
        if not merged or merged[-1][1].end <= secret.start:
            merged.append((rank, secret))
            continue
        best, last = merged[-1]
        detector = last.detector if best < rank else secret.detector
        merged[-1] = (min(best, rank), Secret(last.start, max(last.end, secret.end), detector))
    return [secret for _, secret in merged]
