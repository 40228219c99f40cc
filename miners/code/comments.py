"""Which comments stand before a function and document it, found by byte positions alone.

Comments and what may stand between them and a function (decorators) come as spans from the language's query, so nothing
climbs the tree: with tree-sitter a parent or a sibling costs a walk from the root.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from miners.code.language import Documentation

Span = tuple[int, int]


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
        """Sort the spans of a file; they may come in any order."""
        ordered = sorted([(end, start, True) for start, end in comments] + [(e, s, False) for s, e in skipped])
        return cls(
            source,
            [(start, end) for end, start, _ in ordered],
            [comment for _, _, comment in ordered],
            [end for end, _, _ in ordered],
            rules,
        )

    def before(self, position: int) -> Span | None:
        """The documentation that ends before `position`, where a declaration or its host begins; None: it has none."""
        place = bisect_right(self.ends, position) - 1
        if place < 0 or not self._blank(self.ends[place], position):
            return None
        if self.rules.rule == "adjacent":
            return self._group(place, position)
        return self._marked(place, position)

    def _marked(self, place: int, position: int) -> Span | None:
        while place >= 0 and self._blank(self.ends[place], position):
            start, end = self.spans[place]
            if self.is_comment[place]:
                if self._trails(start) and b"\n" in self.source[end:position]:
                    return None
                if self._is_marked(start, end):
                    return start, end
            position = start
            place -= 1
        return None

    def _group(self, place: int, position: int) -> Span | None:
        """The comments without a blank line between, of which the last ends on the line above `position`."""
        if self.source.count(b"\n", self.ends[place], position) != 1:
            return None
        first, last = None, self.ends[place]
        while place >= 0 and self._blank(self.ends[place], position):
            start, end = self.spans[place]
            if self.source.count(b"\n", end, position) > 1 or self._trails(start):
                break
            first, position = start, start
            place -= 1
        return None if first is None or self._only_directives(first, last) else (first, last)

    def _blank(self, start: int, end: int) -> bool:
        return start == end or self.source[start:end].isspace()

    def _trails(self, start: int) -> bool:
        """Whether code stands before the comment on its line: then it speaks of that code."""
        line = self.source.rfind(b"\n", 0, start) + 1
        before = self.source[line:start].strip()
        return bool(before) and not before.endswith((b"{", b"(", b"[", b",", b"*/"))

    def _is_marked(self, start: int, end: int) -> bool:
        text = self.source[start:end].decode("utf-8", "replace")
        return any(text.startswith(opening) for opening, _ in self.rules.block_markers) and (
            text not in self.rules.not_marked
        )

    def _only_directives(self, start: int, end: int) -> bool:
        if self.rules.directives is None:
            return False
        lines = self.source[start:end].decode("utf-8", "replace").split("\n")
        return all(self.rules.directives.match(line.strip()) for line in lines)
