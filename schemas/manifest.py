"""The manifest: what a pair set holds, where it came from, and the sums that show it is undamaged.

It is written last and atomically; a folder without it is not a pair set, and only the files that it names belong
to the set. It carries a checksum of itself, so that an edit by hand is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schemas.data_id import MODULUS
from schemas.data_id import data_id as make_data_id
from schemas.pair import SPLITS

CODE_VERSION = "0.1.0"
FORMAT = "pairmill pair set"
SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, 2)
MANIFEST_NAME = "manifest.json"
CARD_NAME = "README.md"
RUN_NAME = "_run.json"
UNITS_FOLDER = "units"
FILE_FOLDERS = ("data", "rejects", "evidence", "signatures", "removed")
CHANGE_FOLDER = "_change"
"""Of a set that is changed where it lies: the files to come, and when they are whole the journal of how they do."""
JOURNAL_NAME = "journal.json"


_NOT_AS_WRITTEN = (ValueError, KeyError, TypeError, AttributeError)
"""What reading plain values raises where they are not those that were written."""


class PairSetError(ValueError):
    """A folder that is not a whole, readable pair set; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the set. `path` is relative to the set's folder, with forward slashes."""

    path: str
    split: str | None
    """The split of a data file; None for the files of the other folders."""
    rows: int
    bytes: int
    sha256: str
    data_sum: str | None
    """Data files: 32 hex digits, the sum of row hashes (`schemas.data_id`)."""

    @property
    def folder(self) -> str:
        """`data`, `rejects`, `evidence`, `signatures` or `removed`."""
        return self.path.split("/", 1)[0]


@dataclass(frozen=True)
class Manifest:
    """The whole manifest. `ledger` is `Ledger.to_json`'s value; `config` the job's settings as plain values."""

    job: str
    run_id: str
    config: Mapping[str, Any]
    seed: int
    code_version: str
    ledger: Mapping[str, Any]
    files: tuple[FileEntry, ...]
    warnings: tuple[str, ...] = ()
    parents: tuple[Mapping[str, Any], ...] = ()
    """`as_parent` of each set that this one was made of: with their ledgers no record between a crawl and a clean set
    is unaccounted for."""
    formerly: tuple[str, ...] = ()
    """The data_ids that the set had before rows were removed from it, the first one first."""
    schema_version: int = SCHEMA_VERSION

    @property
    def splits(self) -> dict[str, int]:
        """Rows of each split that has any, in the order train, validation, test."""
        rows = {split: sum(f.rows for f in self.data_files(split)) for split in SPLITS}
        return {split: n for split, n in rows.items() if n}

    @property
    def data_id(self) -> str:
        """The identity of the content (see `schemas.data_id`)."""
        return make_data_id(
            {
                split: (rows, sum(int(f.data_sum or "0", 16) for f in self.data_files(split)) % MODULUS)
                for split, rows in self.splits.items()
            }
        )

    def data_files(self, split: str | None = None) -> list[FileEntry]:
        """The data files of one split, or of all, by name: their canonical order."""
        wanted = [f for f in self.files if f.folder == "data" and (split is None or f.split == split)]
        return sorted(wanted, key=lambda f: f.path)

    def as_parent(self) -> dict[str, Any]:
        """What a set that is made of this one keeps of it: what it was, its counts, and its own parents."""
        return {
            "job": self.job,
            "data_id": self.data_id,
            "code_version": self.code_version,
            "config_hash": config_hash(self.config),
            "rows": sum(self.splits.values()),
            "stages": self.ledger["stages"],
            "parents": list(self.parents),
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values with the derived figures and the manifest's own checksum."""
        value = {
            "format": FORMAT,
            "schema_version": self.schema_version,
            "job": self.job,
            "run_id": self.run_id,
            "code_version": self.code_version,
            "config": dict(self.config),
            "config_hash": config_hash(self.config),
            "seed": self.seed,
            "data_id": self.data_id,
            "splits": self.splits,
            "ledger": dict(self.ledger),
            "warnings": list(self.warnings),
            "parents": list(self.parents),
            "files": [asdict(f) for f in sorted(self.files, key=lambda f: f.path)],
        }
        if self.formerly:
            value["formerly"] = list(self.formerly)
        value["manifest_sha256"] = _checksum(value)
        return value

    def to_bytes(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n").encode()


def no_manifest(folder: str, *, is_changing: bool) -> PairSetError:
    """The error of a folder without a manifest; `is_changing`: it has the journal of a change that did not end."""
    if is_changing:
        return PairSetError(
            f"{folder} is being changed, or the change was stopped halfway; `pairmill remove --input {folder}` "
            "without a list finishes it"
        )
    return PairSetError(f"{folder} is no finished pair set: it has no {MANIFEST_NAME}; let the job that writes it end")


def config_hash(config: Mapping[str, Any]) -> str:
    """sha256 of the settings as canonical JSON: equal settings give equal hashes."""
    return hashlib.sha256(_canonical(config)).hexdigest()


def parse_manifest(data: bytes, place: str) -> Manifest:
    """The manifest in `data`; PairSetError, naming `place`, when it is damaged, edited or of another version.

    Also where a file that it names would lie outside of its folder, whoever wrote it.
    """
    try:
        value = json.loads(data)
        stated = value.pop("manifest_sha256")
        version = value["schema_version"]
        if value["format"] != FORMAT:
            raise KeyError("format")
    except (*_NOT_AS_WRITTEN, RecursionError):
        raise PairSetError(f"{place} is not a manifest of a pair set; write the set again") from None
    if version not in READABLE_VERSIONS:
        raise PairSetError(
            f"{place} is of schema {version}, this pairmill reads {list(READABLE_VERSIONS)}; install a newer one"
        )
    try:
        if stated != _checksum(value):
            raise PairSetError(f"{place} was changed after it was written: its own checksum does not match")
        return Manifest(
            job=value["job"],
            run_id=value["run_id"],
            config=value["config"],
            seed=value["seed"],
            code_version=value["code_version"],
            ledger=value["ledger"],
            files=tuple(_file(one) for one in value["files"]),
            warnings=tuple(value["warnings"]),
            parents=tuple(value.get("parents", ())),
            formerly=tuple(value.get("formerly", ())),
            schema_version=version,
        )
    except PairSetError:
        raise
    except _NOT_AS_WRITTEN as error:
        raise PairSetError(f"{place} is no manifest that pairmill wrote: {error}") from None


def is_inside(path: str) -> bool:
    """Whether a relative path, with forward slashes, stays within its folder."""
    return not path.startswith("/") and not {"", ".", ".."} & set(path.split("/")) and not set(path) & set("\\:\0")


def _file(value: Mapping[str, Any]) -> FileEntry:
    entry = FileEntry(**value)
    if not isinstance(entry.path, str) or not is_inside(entry.path):
        raise ValueError(f"it names {entry.path!r}, which is no path in the set's folder")
    if not all(isinstance(number, int) and number >= 0 for number in (entry.rows, entry.bytes)):
        raise ValueError(f"rows and bytes of {entry.path} are no counts")
    if entry.split not in (None, *SPLITS) or not isinstance(entry.sha256, str):
        raise ValueError(f"{entry.path} has no split or no sha256")
    int(entry.data_sum or "0", 16)
    return entry


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _checksum(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()
