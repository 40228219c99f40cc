"""The audit's search for evaluation texts that are left in a set: dedupe's scan and its decision, without removal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from miners.audit.summary import Summary
from miners.near_duplicates import distinct
from miners.near_duplicates.resolve import ANCHOR, POSITIVE
from miners.near_duplicates.shingles import side_runs
from pipelines import storage
from pipelines.auditing.files import DataFile, open_parquet
from pipelines.auditing.near import BATCH_ROWS
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.contamination import Decontamination, UnitFinds, count_rows, decide
from pipelines.evaluation_texts import find_evaluation_files
from schemas.side_hash import positive_is_code

CONTAMINATION_PASS = "contamination"
_COLUMNS = ["kind", "anchor", "positive", "anchor_hash", "positive_hash", "group"]


def find_decontamination(patterns: list[str]) -> Decontamination | None:
    """What to look for, by dedupe's rules; None where nothing is given. UsageError for a pattern without files."""
    if not patterns:
        return None
    config = DedupeConfig()
    return Decontamination(
        find_evaluation_files(patterns), config.contamination(), *config.rules(), config.evaluation_repositories
    )


class FindContamination(beam.DoFn):
    """A data file → ("", the name of a summary): what of evaluation texts its rows hold."""

    def __init__(self, files: SummaryFiles, wanted: Decontamination) -> None:
        self.files, self.wanted = files, wanted

    def process(self, file: DataFile) -> Iterator[tuple[str, str]]:
        """Search every row of the file."""
        finds, first = UnitFinds(self.wanted), 0
        with storage.open_read(file.path) as stream:
            for batch in open_parquet(stream, file.path).iter_batches(BATCH_ROWS, columns=_COLUMNS):
                table = pa.Table.from_batches([batch])
                kinds = table["kind"].cast(pa.string()).to_pylist()
                of_code = np.fromiter(map(positive_is_code, kinds), bool, len(kinds))
                hashes, sets = {}, {}
                for side, name, is_code in (
                    (ANCHOR, "anchor", np.zeros(len(kinds), bool)),
                    (POSITIVE, "positive", of_code),
                ):
                    hashes[side] = table[f"{name}_hash"].to_numpy()
                    texts = table[name].combine_chunks()
                    sets[side] = distinct(side_runs(texts, is_code, self.wanted.text, self.wanted.code))
                finds.add(first, hashes, sets, table["group"].combine_chunks().dictionary_encode())
                first += table.num_rows
        summary = Summary(self.files.config)
        summary.checks.contamination[file.index] = finds.arrays()
        yield "", self.files.put(CONTAMINATION_PASS, file.index, summary)


def contamination_figures(
    found: Mapping[int, list[np.ndarray]], wanted: Decontamination | None, total: int
) -> dict[str, Any] | None:
    """Contaminated rows, each once, and by benchmark; None where nothing was looked for."""
    if wanted is None:
        return None
    decision = decide(sorted(found.items()), wanted)
    names = wanted.texts().names
    counts = count_rows(decision, np.ones(len(decision.rows), bool), names)
    rows = len(decision.rows)
    return {
        "rows": rows,
        "share": rows / total if total else 0.0,
        "by_benchmark": [
            {"benchmark": name, "rows": int((decision.benchmarks == i).sum()), **counts[name]}
            for i, name in enumerate(names)
        ],
    }
