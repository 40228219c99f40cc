"""A text as an array of its code points, for loops that go over its characters."""

from __future__ import annotations

import numpy as np


def code_points(text: str) -> tuple[np.ndarray, str]:
    """The code points, and the encoding that the array's bytes are in; a lone surrogate is a question mark.

    The array is as narrow as the text allows: uint8 for Latin-1, uint16 for the basic plane, else uint32.
    """
    try:
        return np.frombuffer(text.encode("latin-1"), np.uint8), "latin-1"
    except UnicodeEncodeError:
        narrow = text.encode("utf-16-le", "replace")
    if len(narrow) == 2 * len(text):
        return np.frombuffer(narrow, np.uint16), "utf-16-le"
    return np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32), "utf-32-le"
