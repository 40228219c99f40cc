"""Connected components of verified edges, and who survives inside one.

A component alone removes nothing: texts of a chain may have little in common. A member is removed only for one that is
kept and that it was itself compared with.
"""

from __future__ import annotations

import numpy as np


class ComponentsError(RuntimeError):
    """The components are not closed under the edges that they were made of."""


def components(count: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The component number (int64) of each of `count` nodes; raises ComponentsError unless every edge lies in one."""
    from scipy.sparse import coo_array  # here: a third of a second, of the one process that resolves
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    if not np.array_equal(labels[left], labels[right]):
        raise ComponentsError("the connected components did not converge: an edge joins two of them")
    return labels.astype(np.int64)


def greedy_survivors(rank: np.ndarray, left: np.ndarray, right: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """The edge by which each node is removed, -1 where it is kept.

    Nodes are taken from the lowest rank up; each is kept unless a node already kept shares an edge with it. Of several
    such edges the one of the highest similarity is named, then the one to the lowest rank.
    """
    removed_by = np.full(len(rank), -1, np.int64)
    worse_is_right = rank[left] < rank[right]
    better = np.where(worse_is_right, left, right)
    worse = np.where(worse_is_right, right, left)
    order = np.lexsort((rank[better], -similarity, rank[worse]))
    removed = removed_by.tolist()
    # Edges come grouped by their worse end, in rank order: the better end's fate is settled before it is read.
    for edge, high, low in zip(order.tolist(), better[order].tolist(), worse[order].tolist(), strict=True):
        if removed[low] < 0 and removed[high] < 0:
            removed[low] = edge
    return np.asarray(removed, np.int64)
