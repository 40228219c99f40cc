"""The graph of `pairmill remove`:

    Create([END]) | read the planned files | Reshuffle | find | GroupByKey | tell each file | GroupByKey | write
        | GroupByKey | finish

Only files that hold a removed row, or repeat its text, are written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import apache_beam as beam
import numpy as np

from pipelines import storage
from pipelines.deduping.files import read_arrays, read_table, table_bytes, write_arrays
from pipelines.planned import END, Planned, ReadPlanned, plan
from pipelines.removing.finding import Found, find_rows
from pipelines.removing.finish import FinishRemoval
from pipelines.removing.removal import Removal, RemovalPlan, load_removal, plan_removal
from pipelines.removing.rewriting import Gone, Rewritten, followers, rewrite_beside, rewrite_data, rewrite_rejects
from pipelines.row_ids import id_bytes
from schemas.manifest import FileEntry

_FOUND_KINDS = ("<i8", "<u8")
_GONE_KINDS = ("<i8", "<u8", "S16")


def build_graph(pipeline: beam.Pipeline, removal: Removal) -> None:
    """Wire the passes."""
    planned = plan_removal(removal)
    searched = plan(removal.scratch("plan"), "files", FileEntry, removal.searched)
    text = beam.typehints.Tuple[str, str]

    def step(name: str, work: beam.DoFn) -> beam.PTransform:
        return name >> beam.ParDo(work).with_output_types(text)

    (
        pipeline
        | "begin" >> beam.Create([END])
        | "files" >> beam.ParDo(ReadPlanned(searched))
        | "spread" >> beam.Reshuffle()
        | step("find", FindRows(planned))
        | "all found" >> beam.GroupByKey()
        | step("tell", TellFiles(planned))
        | "by file" >> beam.GroupByKey()
        | step("write", WriteFile(planned))
        | "all written" >> beam.GroupByKey()
        | "finish" >> beam.ParDo(FinishRemoval(planned))
    )


def search(removal: Removal, path: str) -> Found:
    """The rows of a data file of the set that are named."""
    return find_rows(storage.join(removal.folder, path), removal.takedown, with_texts=removal.has_rejects)


class FindRows(beam.DoFn):
    """A file → ("", what a takedown names in it); rows and hashes go by way of a scratch file."""

    def __init__(self, planned: Planned[RemovalPlan]) -> None:
        self.planned = planned

    def process(self, entry: FileEntry | None) -> Iterator[tuple[str, str]]:
        """Search a data file; END and rejects, which are told by what is found, pass."""
        if entry is END or entry.folder != "data":
            yield "", json.dumps({"path": "" if entry is END else entry.path})
            return
        removal = load_removal(self.planned)
        found = search(removal, entry.path)
        name = storage.last_part(entry.path)
        with storage.writing(removal.scratch(f"{name}.rows")) as file:
            write_arrays(file, [found.rows, found.texts], _FOUND_KINDS)
        with storage.writing(removal.scratch(f"{name}.removed")) as file:
            file.write(table_bytes(found.removed))
        told = {"path": entry.path, "reasons": found.reasons(), "matched": sorted(found.matched)}
        yield "", json.dumps({**told, "attribution": list(map(asdict, found.attribution))})


class TellFiles(beam.DoFn):
    """("", what was found in all files) → (path, "") for each, and ("", the sums)."""

    def __init__(self, planned: Planned[RemovalPlan]) -> None:
        self.planned = planned

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
        """Gather what must be found nowhere any more, before any file is written."""
        removal = load_removal(self.planned)
        told = sorted((json.loads(value) for value in element[1]), key=lambda item: item["path"])
        gone = self._gone(removal, [storage.last_part(item["path"]) for item in told if "reasons" in item])
        if removal.has_rejects:
            evidence = [entry for entry in removal.manifest.files if entry.folder == "evidence"]
            gone[2] = followers(removal.folder, evidence, gone[2])
        with storage.writing(removal.scratch("gone")) as file:
            write_arrays(file, gone, _GONE_KINDS)
        for item in told:
            if item["path"]:
                yield item["path"], ""
            yield "", json.dumps({"found": item})

    def _gone(self, removal: Removal, names: Sequence[str]) -> list[np.ndarray]:
        """The arrays of `Gone`, without followers, of what was found in the data files of these names."""
        sides, texts, ids = [], [], []
        for name in names:
            removed = read_table(storage.read_bytes(removal.scratch(f"{name}.removed")))
            sides += [removed[side].to_numpy() for side in ("anchor_hash", "positive_hash")]
            ids.append(id_bytes(removed["row_id"]))
            texts.append(read_arrays(storage.read_bytes(removal.scratch(f"{name}.rows")), _FOUND_KINDS)[1])
        return [
            np.unique(np.concatenate([np.zeros(0, kind), *parts]))
            for kind, parts in zip(_GONE_KINDS, (sides, texts, ids), strict=True)
        ]


class WriteFile(beam.DoFn):
    """(path, "") → ("", the file's lines of the manifest, and what was left out of it)."""

    def __init__(self, planned: Planned[RemovalPlan]) -> None:
        self.planned = planned

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
        """Write one file and what lies beside it; the sums pass."""
        path, values = element
        if not path:
            for value in values:
                yield path, value
            return
        removal = load_removal(self.planned)
        done = self._rewrite(removal, path)
        value = {"path": path, **asdict(done), "entries": list(map(asdict, done.entries))}
        storage.write_atomically(removal.written_mark(path), b"")
        yield "", json.dumps({"written": value})

    def _rewrite(self, removal: Removal, path: str) -> Rewritten:
        entries = removal.by_path
        gone = Gone(*read_arrays(storage.read_bytes(removal.scratch("gone")), _GONE_KINDS))
        if path.startswith("rejects/"):
            evidence = entries.get(path.replace("rejects/", "evidence/", 1))
            if evidence is not None and evidence.rows != entries[path].rows:
                evidence = None
            takedown, target = removal.takedown, removal.target
            done = rewrite_rejects(removal.folder, entries[path], evidence, gone, takedown, target)
        else:
            scratch = removal.scratch(f"{storage.last_part(path)}.rows")
            rows = read_arrays(storage.read_bytes(scratch), _FOUND_KINDS)[0]
            done = rewrite_data(removal.folder, entries[path], gone, rows, removal.target)
            beside = entries.get(path.replace("data/", "signatures/", 1))
            if beside is not None:
                changed = len(rows) > 0
                done.entries += rewrite_beside(removal.folder, beside, rows, removal.target) if changed else [beside]
        return done
