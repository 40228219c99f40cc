"""Where secrets stand in a text, and the text without them.

What can be lost: a secret without quotes, telling prefix or telling name; one that is broken over two lines, unless it
is a private key.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from miners.secrets.rules import LEAST_RUN, Rule, keyword_rule, password_in_url_rule, token_rules

LONGEST_LINE = 2_000
"""Longer lines are looked at in pieces of this many characters: the library's patterns are meant for lines."""
LAP = 400
"""How far pieces of a line overlap."""
_TOKEN_BYTES = (string.ascii_letters + string.digits + "-_+/=").encode()
_SHAPES = bytes(ord("a") if byte in _TOKEN_BYTES else ord(" ") for byte in range(256))
_RUN = b"a" * LEAST_RUN
_KEYWORD_HINTS = (b"key", b"pass", b"pwd", b"secret", b"contrase")
"""One of these stands in every hint of the keyword rule."""
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
    folded = text.encode("ascii", "replace")  # a byte a code point, so that places are the same
    shape = folded.translate(_SHAPES)
    folded = folded.lower()
    found = list(_private_keys(text))
    for begin, end in _lines_with(shape, (_RUN,), folded):
        found += _found_in(token_rules(), text, folded, begin, end)
    if any(hint in folded for hint in _KEYWORD_HINTS):
        for begin, end in _lines_with(folded, keyword_rule().hints, folded):
            found += _found_in((keyword_rule(),), text, folded, begin, end)
    for begin, end in _lines_with(folded, password_in_url_rule().hints, folded):
        found += _found_in((password_in_url_rule(),), text, folded, begin, end)
    return _merged(found)


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
    if "PRIVATE KEY" in text:
        for match in _PRIVATE_KEY.finditer(text):
            yield Secret(match.start(), match.end(), "PrivateKeyDetector")


def _lines_with(seen: bytes, needles: Iterable[bytes], text: bytes) -> list[tuple[int, int]]:
    """Where the lines of `text` are in which `seen`, of the same length, has one of the needles."""
    places = set()
    for needle in needles:
        position = seen.find(needle)
        while position >= 0:
            begin, end = _line_at(text, position)
            places.add((begin, end))
            position = seen.find(needle, max(end, position + 1))
    return sorted(places)


def _line_at(text: bytes, position: int) -> tuple[int, int]:
    """The line around a place; of a very long one the piece, with what stands at both of its ends."""
    begin = text.rfind(b"\n", 0, position) + 1
    end = text.find(b"\n", position)
    end = len(text) if end < 0 else end
    if end - begin <= LONGEST_LINE:
        return begin, end
    piece = begin + (position - begin) // LONGEST_LINE * LONGEST_LINE
    return max(begin, piece - LAP), min(end, piece + LONGEST_LINE + LAP)


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
