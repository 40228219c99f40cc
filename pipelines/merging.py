"""What `pairmill merge` leaves out of the sets it joins: what two of them both hold, and what would leak between them.

Decided between sets alone; within a set everything stays. Of a content that several sets hold, the rows of one stay: of
the set that has it in the first split (train, validation, test), and of these the first by data_id. Then a row of
validation or test goes when another set has one of its sides, or its group, in a split before its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import xxhash
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines import storage
from pipelines.input_sets import SetFile
from pipelines.removed_rows import RemovedRows
from pipelines.row_ids import hex_ids
from schemas.evidence import EVIDENCE_SCHEMA
from schemas.ledger import Ledger
from schemas.pair import SCHEMA, SPLITS

JOB = "merge"
VERDICTS = (
    ("", "", ""),
    ("exact", "removed", "removed_list"),
    ("exact", "same_row", "row_id"),
    ("exact", "same_pair", "pair_id"),
    ("split", "split_leak", "side_hash"),
    ("split", "split_leak", "group"),
)
"""(stage, reason, rule) by code."""
KEPT, REMOVED, SAME_ROW, SAME_PAIR, LEAK_SIDE, LEAK_GROUP = range(6)
COLUMNS = ("row_id", "pair_id", "anchor_hash", "positive_hash", "cluster", "group")
JOINT, ANCHOR, POSITIVE, GROUP = range(4)
SIDES = ("joint", "anchor", "positive", None)

_ID = [("row", "<u8", 2), ("pair", "<u8", 2), ("at", "<u4")]
CONTENT = np.dtype([*_ID, ("cluster", "<i8"), ("clustered", "?")])
"""A row by its content; `at` is its number in its file."""
SIDE = np.dtype([*_ID, ("hash", "<u8"), ("side", "u1")])
"""A row by one of its sides, or by its group."""
VERDICT = np.dtype([("at", "<u4"), ("code", "u1"), ("side", "u1"), ("kept_row", "<u8", 2), ("kept_pair", "<u8", 2)])
CLUSTER = np.dtype([("old", "<i8"), ("new", "<i8")])


@dataclass(frozen=True)
class Merging:
    """The rules; `partition_bits`: the rows are compared in 2^bits parts, one at a time in memory."""

    removed: RemovedRows
    has_splits: bool
    """Whether any set has more than train, so that a leak is possible."""
    partition_bits: int = 0
    job: str = JOB
    verdicts: tuple[tuple[str, str, str], ...] = VERDICTS

    @property
    def columns(self) -> tuple[str, ...]:
        """By which it decides."""
        return COLUMNS

    def begin(self, file: SetFile, temporary: str) -> FileMerge:
        """What was settled for a file's rows."""
        verdicts = np.frombuffer(storage.read_bytes(_path(temporary, "verdicts", file)), VERDICT)
        clusters = np.frombuffer(storage.read_bytes(storage.join(temporary, "clusters")), CLUSTER)
        return FileMerge(self.removed, verdicts, clusters)

    def warnings(self, ledger: Ledger) -> list[str]:
        """Nothing."""
        return []

    def survey(self, file: SetFile, tables: Iterable[pa.Table], temporary: str) -> None:
        """Write content and sides of each row, sorted by partition."""
        contents, sides, first = [np.zeros(0, CONTENT)], [np.zeros(0, SIDE)], 0
        for table in tables:
            at = first + np.flatnonzero(~self.removed.names(table))
            table, first = table.take(pa.array(at - first)), first + table.num_rows
            contents.append(_contents(table, at))
            sides.append(_sides(contents[-1], table) if self.has_splits else sides[0])
        for kind, parts, name in (("contents", contents, "pair"), ("sides", sides, "hash")):
            rows = np.concatenate(parts)
            self._write(_path(temporary, kind, file), rows, rows[name] if name == "hash" else rows[name][:, 0])

    def settle(self, files: Sequence[SetFile], temporary: str) -> Mapping[str, int]:
        """Decide about every row that two sets share; notes how many clusters were joined."""
        decisions = Decisions(files)
        for rows in self._partitions(files, temporary, "contents", CONTENT):
            decisions.add_copies(rows)
        for split in range(1, len(SPLITS)) if self.has_splits else ():
            for rows in self._partitions(files, temporary, "sides", SIDE):
                decisions.add_leaks(rows, split)
        for file in files:
            storage.write_atomically(_path(temporary, "verdicts", file), decisions.of(file).tobytes())
        clusters = joined_clusters(decisions.edges)
        storage.write_atomically(storage.join(temporary, "clusters"), clusters.tobytes())
        return {"clusters_joined": len(clusters)}

    def _write(self, path: str, rows: np.ndarray, keys: np.ndarray) -> None:
        """The rows by partition of their keys, after the places where the partitions begin."""
        parts = self._partition_of(keys)
        order = np.argsort(parts, kind="stable")
        places = np.searchsorted(parts[order], np.arange((1 << self.partition_bits) + 1)).astype("<u8")
        with storage.writing(path) as file:
            file.write(places.tobytes())
            file.write(rows[order].tobytes())

    def _partition_of(self, keys: np.ndarray) -> np.ndarray:
        return keys >> np.uint64(64 - self.partition_bits) if self.partition_bits else np.zeros(len(keys), np.uint64)

    def _partitions(
        self, files: Sequence[SetFile], temporary: str, kind: str, dtype: np.dtype
    ) -> Iterator[dict[int, np.ndarray]]:
        """The rows of each partition, by the number of their file."""
        count = (1 << self.partition_bits) + 1
        for part in range(count - 1):
            found = {}
            for file in files:
                with storage.open_read(_path(temporary, kind, file)) as stream:
                    places = np.frombuffer(stream.read(8 * count), "<u8")
                    first, last = int(places[part]), int(places[part + 1])
                    stream.seek(8 * count + first * dtype.itemsize)
                    found[file.number] = np.frombuffer(stream.read((last - first) * dtype.itemsize), dtype)
            yield found


class Decisions:
    """Verdicts so far, file by file, and the clusters that became one. Memory: a byte a row, 40 a row that goes."""

    def __init__(self, files: Sequence[SetFile]) -> None:
        self._sets = np.array([file.set_number for file in files], np.int64)
        self._splits = np.array([SPLITS.index(file.split) for file in files], np.int64)
        self._gone = [np.zeros(file.rows, bool) for file in files]
        self._found: list[list[np.ndarray]] = [[] for _ in files]
        self._edges: list[np.ndarray] = []

    @property
    def edges(self) -> np.ndarray:
        """Clusters of rows of one content: int64 (edges, 2)."""
        return np.concatenate([np.zeros((0, 2), np.int64), *self._edges])

    def of(self, file: SetFile) -> np.ndarray:
        """A file's verdicts, by row."""
        found = np.concatenate([np.zeros(0, VERDICT), *self._found[file.number]])
        return found[np.argsort(found["at"], kind="stable")]

    def add_copies(self, by_file: Mapping[int, np.ndarray]) -> None:
        """Decide about the rows of one partition by content: of each content, one set's rows stay."""
        rows, owner = _joined(by_file, CONTENT)
        pair, row = rows["pair"], rows["row"]
        order = np.lexsort((*row.T[::-1], self._sets[owner], self._splits[owner], *pair.T[::-1]))
        rows, owner, sets = rows[order], owner[order], self._sets[owner[order]]
        starts = np.flatnonzero(_changes(rows["pair"]))
        kept = np.repeat(starts, np.diff(np.append(starts, len(rows))))
        copies = np.flatnonzero(sets != sets[kept])
        if not len(copies):
            return
        first = kept[copies]
        is_same_row = _among(rows["row"][copies], rows["row"][sets == sets[kept]])
        codes = np.where(is_same_row, SAME_ROW, SAME_PAIR)
        kept_rows = np.where(is_same_row[:, None], rows["row"][copies], rows["row"][first])
        self._add(owner[copies], rows[copies], codes, JOINT, kept_rows, rows["pair"][first])
        both = rows["clustered"][copies] & rows["clustered"][first]
        self._edges.append(np.stack([rows["cluster"][copies], rows["cluster"][first]], 1)[both])

    def add_leaks(self, by_file: Mapping[int, np.ndarray], split: int) -> None:
        """Decide about the rows of one split among those of one partition by side: none is in a split before it."""
        rows, owner = _joined(by_file, SIDE)
        there = ~self._is_gone(rows, owner)
        rows, owner = rows[there], owner[there]
        before, sets = self._splits[owner] < split, self._sets[owner]
        order = np.lexsort((*rows["row"].T[::-1], rows["side"], sets, ~before, rows["hash"]))
        rows, owner, before, sets = rows[order], owner[order], before[order], sets[order]
        if not before.any():
            return
        starts = np.flatnonzero(_changes(rows["hash"][:, None]))
        sizes = np.diff(np.append(starts, len(rows)))
        # Of the rows before, those of the first set come first and those of the last set last: one is of another set.
        counts = np.add.reduceat(before, starts)
        first, last = np.repeat(starts, sizes), np.repeat(starts + np.maximum(counts, 1) - 1, sizes)
        other = np.where(sets[first] != sets, first, last)
        leaks = np.flatnonzero((self._splits[owner] == split) & before[other] & (sets[other] != sets))
        _, once = np.unique(np.stack([owner[leaks], rows["at"][leaks]], 1), axis=0, return_index=True)
        leaks = leaks[once]
        codes = np.where(rows["side"][leaks] == GROUP, LEAK_GROUP, LEAK_SIDE)
        kept = rows[other[leaks]]
        self._add(owner[leaks], rows[leaks], codes, rows["side"][leaks], kept["row"], kept["pair"])

    def _add(self, owner: np.ndarray, rows: np.ndarray, codes: np.ndarray, side: object, *kept: np.ndarray) -> None:
        found = np.zeros(len(rows), VERDICT)
        found["at"], found["code"], found["side"], found["kept_row"], found["kept_pair"] = (
            rows["at"],
            codes,
            side,
            *kept,
        )
        for number in np.unique(owner).tolist():
            own = found[owner == number]
            self._found[number].append(own)
            self._gone[number][own["at"]] = True

    def _is_gone(self, rows: np.ndarray, owner: np.ndarray) -> np.ndarray:
        gone = np.zeros(len(rows), bool)
        for number in np.unique(owner).tolist():
            gone[owner == number] = self._gone[number][rows["at"][owner == number]]
        return gone


class FileMerge:
    """The verdicts of one file, handed out in the order of its rows."""

    def __init__(self, removed: RemovedRows, verdicts: np.ndarray, clusters: np.ndarray) -> None:
        self._removed, self._verdicts, self._clusters = removed, verdicts, clusters
        self._first = 0
        self._evidence = [EVIDENCE_SCHEMA.empty_table()]

    def codes(self, table: pa.Table) -> np.ndarray:
        """The verdict of each of the next rows."""
        codes = np.where(self._removed.names(table), REMOVED, KEPT).astype(np.uint8)
        ends = np.searchsorted(self._verdicts["at"], (self._first, self._first + table.num_rows))
        mine = self._verdicts[ends[0] : ends[1]]
        places = mine["at"] - np.uint32(self._first)
        codes[places] = mine["code"]
        told = np.zeros(table.num_rows, VERDICT)
        told[places] = mine
        self._evidence.append(_evidence(table, codes, told))
        self._first += table.num_rows
        return codes

    def changed(self, table: pa.Table) -> pa.Table:
        """Clusters that became one bear one name."""
        if not len(self._clusters) or table["cluster"].null_count:
            return table
        found = table["cluster"].to_numpy()
        at = np.minimum(np.searchsorted(self._clusters["old"], found), len(self._clusters) - 1)
        named = np.where(self._clusters["old"][at] == found, self._clusters["new"][at], found)
        return table.set_column(table.schema.get_field_index("cluster"), SCHEMA.field("cluster"), pa.array(named))

    def evidence(self) -> pa.Table:
        """A row for each removal so far."""
        return pa.concat_tables(self._evidence)


def joined_clusters(edges: np.ndarray) -> np.ndarray:
    """Each name that gives way to another one of its component (its smallest, as an unsigned number), by old name."""
    names, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names)))
    _, component = connected_components(graph, directed=False) if len(names) else (0, np.zeros(0, np.int64))
    order = np.lexsort((names.view(np.uint64), component))
    smallest = names[order][np.flatnonzero(np.diff(component[order], prepend=-1))]
    changed = np.empty(len(names), CLUSTER)
    changed["old"], changed["new"] = names, smallest[component]
    return changed[changed["old"] != changed["new"]]


def _contents(table: pa.Table, at: np.ndarray) -> np.ndarray:
    found = np.zeros(len(at), CONTENT)
    found["row"], found["pair"], found["at"] = hex_ids(table["row_id"]), hex_ids(table["pair_id"]), at
    found["cluster"] = table["cluster"].fill_null(0).to_numpy()
    found["clustered"] = table["cluster"].is_valid().to_numpy()
    return found


def _sides(contents: np.ndarray, table: pa.Table) -> np.ndarray:
    groups = [xxhash.xxh3_64_intdigest(f"group {name}".encode()) for name in table["group"].to_pylist()]
    hashes = (table["anchor_hash"].to_numpy(), table["positive_hash"].to_numpy(), np.array(groups, np.uint64))
    found = np.zeros((3, len(contents)), SIDE)
    for name in ("row", "pair", "at"):
        found[name] = contents[name]
    for place, (side, values) in enumerate(zip((ANCHOR, POSITIVE, GROUP), hashes, strict=True)):
        found["hash"][place], found["side"][place] = values.view(np.uint64), side
    return found.reshape(-1)


def _evidence(table: pa.Table, codes: np.ndarray, told: np.ndarray) -> pa.Table:
    gone = np.flatnonzero(codes > KEPT)
    rows, told = table.take(pa.array(gone)), told[gone]
    has_kept = told["code"] > KEPT
    told_of = {
        "removed_row_id": rows["row_id"],
        "removed_pair_id": rows["pair_id"],
        "removed_group": rows["group"],
        "kept_row_id": _hex(told["kept_row"], has_kept),
        "kept_pair_id": _hex(told["kept_pair"], has_kept),
        "side": [SIDES[side] for side in told["side"].tolist()],
        "similarity": [None if code in (REMOVED, LEAK_GROUP) else 1.0 for code in codes[gone].tolist()],
    }
    told_of |= {
        name: [VERDICTS[code][i] for code in codes[gone].tolist()] for i, name in enumerate(("stage", "reason", "rule"))
    }
    columns = [
        pa.array(told_of[field.name], field.type)
        if isinstance(told_of.get(field.name), list)
        else told_of.get(field.name, pa.nulls(len(gone), field.type))
        for field in EVIDENCE_SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=EVIDENCE_SCHEMA)


def _hex(ids: np.ndarray, known: np.ndarray) -> list[str | None]:
    digits = ids.astype(">u8").tobytes().hex()
    return [digits[32 * i : 32 * i + 32] if there else None for i, there in enumerate(known.tolist())]


def _joined(by_file: Mapping[int, np.ndarray], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The rows of all files, and the number of the file of each."""
    owner = np.repeat(np.array(list(by_file), np.int64), [len(rows) for rows in by_file.values()])
    return np.concatenate([np.zeros(0, dtype), *by_file.values()]), owner


def _changes(keys: np.ndarray) -> np.ndarray:
    """Which rows of sorted keys differ from the one before (the first does)."""
    return np.append(np.ones(min(len(keys), 1), bool), (keys[1:] != keys[:-1]).any(axis=1))


def _among(ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which of the ids (uint64 (rows, 2)) are known."""
    as_bytes = [np.ascontiguousarray(one).view("S16").reshape(-1) for one in (ids, known)]
    return np.isin(*as_bytes)


def _path(temporary: str, kind: str, file: SetFile) -> str:
    return storage.join(temporary, f"{kind}-{file.unit}")
