"""Reading a pair set, from a local folder or any of Arrow's file systems: its manifest, and its rows."""

from __future__ import annotations

import os

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from schemas.manifest import (
    CHANGE_FOLDER,
    JOURNAL_NAME,
    MANIFEST_NAME,
    Manifest,
    PairSetError,
    no_manifest,
    parse_manifest,
)
from schemas.pair import SCHEMA, SPLITS


def open_folder(folder: str | os.PathLike[str]) -> tuple[fs.FileSystem, str]:
    """The file system and the path of a folder given as a local path or a URI (`gs://`, `s3://`, `hdfs://`)."""
    text = os.fspath(folder)
    if "://" in text:
        system, path = fs.FileSystem.from_uri(text)
        return system, path.rstrip("/")
    return fs.LocalFileSystem(), os.path.abspath(text)


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """The manifest of a pair set; PairSetError (a ValueError) with the mend when there is none or it is damaged."""
    system, path = open_folder(folder)
    name = f"{path}/{MANIFEST_NAME}"
    try:
        with system.open_input_stream(name) as stream:
            data = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        journal = system.get_file_info(f"{path}/{CHANGE_FOLDER}/{JOURNAL_NAME}")
        raise no_manifest(os.fspath(folder), is_changing=journal.type == fs.FileType.File) from None
    return parse_manifest(data, name)


def read_pair_set(folder: str | os.PathLike[str], split: str | None = None) -> ds.Dataset:
    """The rows of a pair set, or of one split, in canonical order (files by name), as an Arrow data set.

    The manifest is checked (present, whole, a version that this code reads), and every file that it names must be
    there with its size; `schemas.verify` checks the contents. Raises PairSetError (a ValueError). A split without
    rows is an empty data set.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; the splits are {', '.join(SPLITS)}")
    manifest = read_manifest(folder)
    system, path = open_folder(folder)
    entries = manifest.data_files(split)
    if split is None:
        entries = [entry for name in SPLITS for entry in manifest.data_files(name)]
    paths = [f"{path}/{entry.path}" for entry in entries]
    for entry, info in zip(entries, system.get_file_info(paths) if paths else [], strict=True):
        if info.type != fs.FileType.File or info.size != entry.bytes:
            raise PairSetError(
                f"{os.fspath(folder)}: {entry.path} is missing or not {entry.bytes:,} bytes long; "
                "run `pairmill verify` on the folder, and write the set again"
            )
    if not paths:
        return ds.dataset(pa.Table.from_batches([], schema=SCHEMA))
    return ds.dataset(paths, schema=SCHEMA, filesystem=system, format="parquet")
