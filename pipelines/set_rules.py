"""What a job on pair sets decides by: its rules, and what it must know of all rows before it can decide about one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from pipelines.input_sets import SetFile
from pipelines.verdicts import Rules
from schemas.ledger import Ledger


class FileRules(Protocol):
    """What a job does with the rows of one file; asked in their order."""

    def codes(self, table: pa.Table) -> np.ndarray:
        """uint8: the verdict of each of the next rows, of which the table has the columns that the job asked for."""
        ...

    def changed(self, table: pa.Table) -> pa.Table:
        """Rows that stay, in the schema of pairs, as they are written."""
        ...

    def evidence(self) -> pa.Table:
        """A row of evidence for each removal so far, in EVIDENCE_SCHEMA; none of a job that needs none."""
        ...


class SetRules(Protocol):
    """A job's rules: a frozen dataclass, picklable, importable from a module."""

    job: str
    verdicts: Rules
    """(stage, reason) by code; code 0 is kept."""

    @property
    def columns(self) -> Sequence[str]:
        """By which it decides; fields of structs with a dot."""
        ...

    def begin(self, file: SetFile, temporary: str) -> FileRules:
        """The rules for a file's rows; after the survey, where there is one."""
        ...

    def warnings(self, ledger: Ledger) -> Sequence[str]:
        """What the manifest warns of."""
        ...


class Survey(Protocol):
    """What a job must know of all rows first; every file of `temporary` has a fixed name and contents."""

    def survey(self, file: SetFile, tables: Iterable[pa.Table], temporary: str) -> None:
        """Write down what is needed of a file's rows, of which the tables have the job's columns."""
        ...

    def settle(self, files: Sequence[SetFile], temporary: str) -> Mapping[str, int]:
        """Decide by what was written down, and leave that for `begin`; gives notes for the ledger."""
        ...
