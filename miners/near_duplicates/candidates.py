"""Which pairs of a bucket are compared: all of them up to 64 members, a window of 64 sorted neighbours above."""

from __future__ import annotations

import numpy as np

WINDOW = 64


def bucket_pairs(buckets: np.ndarray, window: int = WINDOW) -> tuple[np.ndarray, np.ndarray, int]:
    """The pairs to compare among members sorted by bucket, and inside a bucket by whatever makes neighbours alike.

    `buckets` is the sorted bucket number of each member. Returns the positions of the earlier and of the later
    member of each pair, and how many pairs of one bucket the window left out: none with up to `window` + 1 members.
    """
    left: list[np.ndarray] = []
    right: list[np.ndarray] = []
    # A member without a neighbour at this distance has none further away either: buckets are contiguous.
    members = np.arange(len(buckets))
    for distance in range(1, window + 1):
        members = members[members + distance < len(buckets)]
        members = members[buckets[members] == buckets[members + distance]]
        if not len(members):
            break
        left.append(members)
        right.append(members + distance)
    _, sizes = np.unique(buckets, return_counts=True)
    total = int((sizes * (sizes - 1) // 2).sum())
    if not left:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), 0
    compared = np.concatenate(left)
    return compared, np.concatenate(right), total - len(compared)
