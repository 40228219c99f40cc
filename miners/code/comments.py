"""Which comments stand before a function and document it, found by byte positions alone.

Comments and what may stand between them and a function (decorators) come as spans from the language's query, so nothing
climbs the tree: with tree-sitter a parent or a sibling costs a walk from the root.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from miners.code.captures import Span
from miners.code.language import Documentation

FARTHEST = 4096
"""Bytes between documentation and a function that `between` is asked of: what is read twice stays bounded."""


@dataclass(frozen=True, slots=True)
class Comments:
    """A file's comments and steppable nodes, in order of their ends."""

    source: bytes
    spans: list[Span]
    is_comment: list[bool]
    ends: list[int]
    rules: Documentation

    @classmethod
    def of(cls, source: bytes, comments: list[Span], skipped: list[Span], rules: Documentation) -> Comments:
        """Sort the spans of a file; they may come in any order. A comment ends where its text does."""
        ordered = sorted(
            [(_end(source, start, end), start, True) for start, end in comments] + [(e, s, False) for s, e in skipped]
        )
        return cls(
            source,
            [(start, end) for end, start, _ in ordered],
            [comment for _, _, comment in ordered],
            [end for end, _, _ in ordered],
            rules,
        )

    def before(self, position: int) -> list[Span]:
        """The documentation that ends before `position`, where a declaration or its host begins, piece by piece."""
        place = bisect_right(self.ends, position) - 1
        if self.rules.between is not None:
            return self._reaching(place, position, self.rules.between)
        if place < 0 or not self._blank(self.ends[place], position):
            return []
        if self.rules.rule == "adjacent":
            return self._group(place, position)
        return self._marked(place, position)

    def _reaching(self, place: int, position: int, between: re.Pattern[bytes]) -> list[Span]:
        """The documentation before `position` if nothing but `between` separates them, other comments read as text."""
        while place >= 0 and position - self.ends[place] <= FARTHEST:
            start, end = self.spans[place]
            if self._is_marked(start, end):
                return self._marked(place, end) if between.fullmatch(self.source, end, position) else []
            if not between.fullmatch(self.source, start, position):
                return []
            place -= 1
        return []

    def _marked(self, place: int, position: int) -> list[Span]:
        pieces: list[Span] = []
        joined = self.rules.joined
        while place >= 0 and self._blank(self.ends[place], position):
            start, end = self.spans[place]
            if self.is_comment[place]:
                if self._is_marked(start, end):
                    if joined != "all" and self._trails(start) and b"\n" in self.source[end:position]:
                        break
                    pieces.append((start, end))
                    if joined == "nearest":
                        break
                elif pieces and joined == "run":
                    break
            elif pieces and joined == "run":
                break
            position = start
            place -= 1
            if pieces and joined == "run" and self._lines_before(place, position) != 1:
                break
        return pieces[::-1]

    def _group(self, place: int, position: int) -> list[Span]:
        """The comments without a blank line between, of which the last ends on the line above `position`."""
        if self._lines_before(place, position) != 1:
            return []
        first, last = None, self.ends[place]
        while place >= 0 and self._blank(self.ends[place], position):
            start, _ = self.spans[place]
            if self._lines_before(place, position) > 1 or self._trails(start):
                break
            first, position = start, start
            place -= 1
        return [] if first is None or self._only_directives(first, last) else [(first, last)]

    def _lines_before(self, place: int, position: int) -> int:
        """Line ends between the comment at `place` and `position`."""
        return self.source.count(b"\n", self.ends[place], position) if place >= 0 else 0

    def _blank(self, start: int, end: int) -> bool:
        return start == end or self.source[start:end].isspace()

    def _trails(self, start: int) -> bool:
        """Whether code stands before the comment on its line: then it speaks of that code."""
        line = self.source.rfind(b"\n", 0, start) + 1
        before = self.source[line:start].strip()
        return bool(before) and not before.endswith((b"{", b"(", b"[", b",", b"*/"))

    def _is_marked(self, start: int, end: int) -> bool:
        documents = self.rules.documents
        return documents is None or documents.match(self.source, start, end) is not None

    def _only_directives(self, start: int, end: int) -> bool:
        if self.rules.directives is None:
            return False
        lines = self.source[start:end].decode("utf-8", "replace").split("\n")
        return all(self.rules.directives.match(line.strip()) for line in lines)


def _end(source: bytes, start: int, end: int) -> int:
    """Where a comment's text ends: some grammars count the line end as part of a line comment."""
    while end > start and source[end - 1] in b"\r\n":
        end -= 1
    return end
