"""Loops over a page's characters that numba compiles; imported through `miners.compiling.compiled_module` alone.

Texts come as `code_points.code_points` gives them. `kinds` says of each code point of the basic plane what it is: a sum
of SPACE, ENDS, CLOSES and UNSPACED.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import b1, i4, i8, u1, u2, u4, u8
from numba.types import Array, UniTuple

from miners.compiling import compiled_for

SPACE, ENDS, CLOSES, UNSPACED = 1, 2, 4, 8
NOT_KNOWN = -1
"""Instead of a number of lines: the page has an entity that only Python's own table knows."""

_KINDS, _PAIR = Array(u1, 1, "C"), UniTuple(i8, 2)
_PLANE = 0x10000
_LESS, _GREATER, _SLASH, _BLANK, _LINE_FEED, _AMPERSAND, _QUOTE = 60, 62, 47, 32, 10, 38, 34
_A, _B, _E, _H, _I, _L, _O, _P, _R, _U = 97, 98, 101, 104, 105, 108, 111, 112, 114, 117
_Z, _CAPITAL_A, _CAPITAL_Z, _DIGIT_0, _DIGIT_9 = 122, 65, 90, 48, 57
_K, _KELVIN, _UNDERSCORE = 107, 0x212A, 95
_BEYOND = 256
_PACKED = 8
"""Letters that an integer holds; no name that is looked for is longer."""
_BREAK, _QUOTE_ENTITY, _LESS_ENTITY, _GREATER_ENTITY, _AMPERSAND_ENTITY = (
    np.frombuffer(word, np.uint8) for word in (b"<br>", b"&quot;", b"&lt;", b"&gt;", b"&amp;")
)
_LINK, _OTHER = 20, 21
_PARAGRAPH, _ENTRY, _PREFORMATTED = 7, 8, 9
"""Elements for text; 1 to 6 are the headings."""
_LEVELS, _LINKS, _IN_TEXT, _TOKENS, _ENDED, _PROSE = range(6)


@numba.njit(inline="always")
def _kind(kinds: np.ndarray, point: int) -> int:
    if point < _PLANE:
        return kinds[point]
    return UNSPACED if 0x20000 <= point <= 0x3FFFF else 0


@numba.njit(inline="always")
def _lower(point: int) -> int:
    """The small letter of a capital, where that is ASCII."""
    if _CAPITAL_A <= point <= _CAPITAL_Z:
        return i8(point) + 32
    return _K if point == _KELVIN else i8(point)


@numba.njit(inline="always")
def _masked(points: np.ndarray, at: int) -> int:
    """A character for tables of Latin-1; one that is beyond these, or beyond the text, is their last."""
    return min(_lower(points[at]), _BEYOND) if at < len(points) else _BEYOND


@numba.njit
def _name(points: np.ndarray, at: int) -> tuple[int, int]:
    """Which of the known tags' names stands at a place, 0 for none, and how long it is."""
    left = len(points) - at
    first = points[at] if left > 0 else 0
    second = points[at + 1] if left > 1 else 0
    if first == _A:
        return _LINK, 1
    if first == _P:
        if left > 2 and second == _R and points[at + 2] == _E:
            return _PREFORMATTED, 3
        return _PARAGRAPH, 1
    if first == _H and 49 <= second <= 54:
        return second - 48, 2
    if first == _L and second == _I:
        return _ENTRY, 2
    if (first == _U and second == _L) or (first == _O and second == _L) or (first == _B and second == _R):
        return _OTHER, 2
    return 0, 0


@numba.njit
def _stands(points: np.ndarray, at: int, word: np.ndarray) -> bool:
    """Whether a word stands at a place."""
    if at + len(word) > len(points):
        return False
    for i in range(len(word)):  # noqa: SIM110 - numba compiles no generator
        if points[at + i] != word[i]:
            return False
    return True


@numba.njit
def _tag(points: np.ndarray, at: int) -> tuple[int, bool, bool, int]:
    """The tag at a place: its name, whether it closes, whether it has a blank behind its name, and where it ends."""
    place = at + 1
    closes = place < len(points) and points[place] == _SLASH
    if closes:
        place += 1
    name, size = _name(points, place)
    place += size
    if name == 0 or place >= len(points):
        return 0, False, False, at
    if points[place] == _GREATER:
        return name, closes, False, place + 1
    if points[place] != _BLANK:
        return 0, False, False, at
    while place < len(points) and points[place] != _LINE_FEED:
        if points[place] == _GREATER:
            return name, closes, True, place + 1
        if points[place] == _LESS and _stands(points, place, _BREAK):
            break
        place += 1
    return 0, False, False, at


@numba.njit
def _entity(points: np.ndarray, at: int) -> tuple[int, int]:
    """The character that an entity at a place stands for, -1 for one that is not known here; and how long it is."""
    if _stands(points, at, _QUOTE_ENTITY):
        return _QUOTE, len(_QUOTE_ENTITY)
    if _stands(points, at, _LESS_ENTITY):
        return _LESS, len(_LESS_ENTITY)
    if _stands(points, at, _GREATER_ENTITY):
        return _GREATER, len(_GREATER_ENTITY)
    if _stands(points, at, _AMPERSAND_ENTITY):
        return _AMPERSAND, len(_AMPERSAND_ENTITY)
    return -1, 1


@numba.njit
def _has_end(out: np.ndarray, begin: int, end: int, kinds: np.ndarray, most: int) -> bool:
    """Whether a text ends in the mark of a sentence's end, quotes and brackets behind it passed over."""
    first = max(begin, end - most)
    while end > first and _kind(kinds, out[end - 1]) & CLOSES:
        end -= 1
    return end > first and _kind(kinds, out[end - 1]) & ENDS != 0


@compiled_for(
    *(_PAIR(Array(of, 1, "C", readonly=True), _KINDS, i8, i8, i8, of[::1], i4[:, ::1]) for of in (u1, u2, u4))
)
def read_lines(
    points: np.ndarray,
    kinds: np.ndarray,
    least_tokens: int,
    long_tokens: int,
    ending: int,
    out: np.ndarray,
    columns: np.ndarray,
) -> tuple[int, int]:
    """`page_lines.read_lines`: the cleaned lines go to `out`, each with a line feed behind it, and what is known of
    them to `columns`; gives the number of lines, or NOT_KNOWN, and how much of `out` was written.
    """
    size, at, written, lines, element = len(points), 0, 0, 0, 0
    while at < size:
        begin, within, tokens, links = written, element, 0, 0
        in_word = after_space = False
        in_link = seen_link = link_space = False
        link = 0
        while at < size:
            point = i8(points[at])
            step = 1
            if point == _LINE_FEED:
                break
            if point == _LESS:
                if _stands(points, at, _BREAK):
                    break
                name, closes, more, end = _tag(points, at)
                if name > 0:
                    at = end
                    if name == _LINK and closes != more:
                        if closes and not seen_link:
                            links += written - begin
                        elif in_link:
                            links += link
                        in_link, seen_link, link_space, link = more, True, False, 0
                    elif name <= _PREFORMATTED and not more:
                        element = 0 if closes else name
                        if not closes and (within == 0 or within == _ENTRY or name < _PARAGRAPH):
                            within = name
                    continue
            elif point == _AMPERSAND:
                point, step = _entity(points, at)
                if point < 0:
                    return NOT_KNOWN, 0
            at += step
            kind = _kind(kinds, point)
            if kind & SPACE:
                in_word = False
                after_space = link_space = True
                continue
            if after_space and written > begin:
                out[written] = _BLANK
                written += 1
            after_space = False
            if in_link:
                link += 2 if link_space and link > 0 else 1
                link_space = False
            out[written] = point
            written += 1
            if kind & UNSPACED:
                tokens += 1
                in_word = False
            elif not in_word:
                tokens += 1
                in_word = True
        if at < size:
            at += 1 if points[at] == _LINE_FEED else 4
        chars = written - begin
        if chars == 0:
            continue
        links = min(links + (link if in_link else 0), chars)
        ended = _has_end(out, begin, written, kinds, ending)
        reads = tokens >= least_tokens and 2 * links <= chars and (tokens >= long_tokens or ended)
        columns[_LEVELS, lines] = within if within < _PARAGRAPH else 0
        columns[_LINKS, lines] = links
        columns[_IN_TEXT, lines] = within != 0
        columns[_TOKENS, lines] = tokens
        columns[_ENDED, lines] = ended
        columns[_PROSE, lines] = chars if reads else 0
        lines += 1
        out[written] = _LINE_FEED
        written += 1
    return lines, written


@compiled_for(*(b1(Array(of, 1, "C", readonly=True), u8[::1], i8) for of in (u1, u2, u4)))
def may_be_deep(points: np.ndarray, names: np.ndarray, most: int) -> bool:
    """`complexity.may_be_deep`; `names` are those of elements that make nothing deeper, packed."""
    size, at, depth = len(points), 0, 0
    while at < size:
        if points[at] != _LESS:
            at += 1
            continue
        at += 1
        closes = at < size and points[at] == _SLASH
        place = at + 1 if closes else at
        name, begin = u8(0), place
        while place < size:
            point = u8(points[place])
            if _CAPITAL_A <= point <= _CAPITAL_Z:
                point += u8(32)
            if not (_A <= point <= _Z or (_DIGIT_0 <= point <= _DIGIT_9 and place > begin)):
                break
            if place - begin >= _PACKED:
                name = u8(0)
            else:
                name = name << u8(8) | point
            place += 1
        if place == begin:
            continue
        at = place
        steps = True
        for known in names:
            if known == name:
                steps = False
        if steps:
            depth = max(depth - 1, 0) if closes else depth + 1
            if depth > most:
                return True
    return False


@compiled_for(*(i8(Array(of, 1, "C", readonly=True), u4[::1], i8[::1], i8[:, ::1], i8) for of in (u1, u2, u4)))
def find_phrases(points: np.ndarray, letters: np.ndarray, bounds: np.ndarray, masks: np.ndarray, anywhere: int) -> int:
    """Which phrases, in lower case, a text has: bit n for `letters[bounds[n]:bounds[n + 1]]`.

    Those of the bits `anywhere` count anywhere, others only where no letter, digit or underscore of ASCII stands before
    them in their line. `masks[i, point]` has the bits of the phrases whose character i may be that one.
    """
    found, in_line, size = i8(0), False, len(points)
    second, third = _masked(points, 0), _masked(points, 1)
    for at in range(size):
        first, second, third = second, third, _masked(points, at + 2)
        may_be = masks[0, first] & masks[1, second] & masks[2, third] & ~found
        if in_line:
            may_be &= anywhere
        number = 0
        while may_be >> number:
            if may_be >> number & 1:
                begin, length = bounds[number], bounds[number + 1] - bounds[number]
                same, place = at + length <= size, 1
                while same and place < length:
                    same = _lower(points[at + place]) == letters[begin + place]
                    place += 1
                if same:
                    found |= i8(1) << number
            number += 1
        if first == _LINE_FEED:
            in_line = False
        elif _A <= first <= _Z or _DIGIT_0 <= first <= _DIGIT_9 or first == _UNDERSCORE:
            in_line = True
    return found


@compiled_for(i8(u4[::1], i4[::1], i4[::1], Array(u1, 1, "C", readonly=True), i4[::1]))
def walk(moves: np.ndarray, rows: np.ndarray, features: np.ndarray, text: np.ndarray, found: np.ndarray) -> int:
    """`py3langid.langid.visit_counts` before it counts: the features of a text go to `found`; gives how many."""
    count = state = 0
    for letter in text:
        state = i8(moves[rows[state] + letter])
        if features[state] >= 0:
            found[count] = features[state]
            count += 1
    return count
