"""What import reads: which files there are, in which layout each is, and the units that they are cut into.

The layout is told from names (MS MARCO), from what lies in a folder (BEIR, Hugging Face's data sets on disk) or from
the first line (SNLI, MultiNLI, CodeSearchNet, tables with the columns of a pair); where none fits, the error says the
mend.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from miners.supervised.code_search_net import is_code_search_net
from miners.supervised.line_readers import NLI_COLUMNS, Layout, json_object
from miners.supervised.table_rows import CODE_SEARCH_NET, Columns, Found
from pipelines import storage
from pipelines.http_files import is_http
from pipelines.importing.lines import RANGE_BYTES, BadRow, LineRange, cut_lines, read_lines
from pipelines.importing.tables import ARROW, JSON, LINES_ASKED, PARQUET, column_names, table_type
from pipelines.options import UsageError
from pipelines.planned import plain
from pipelines.units import Unit, unit_id
from schemas.manifest import MANIFEST_NAME
from schemas.pair import NLI, QUERY_PASSAGE

FORMATS = ("auto", "msmarco", "snli", "multinli", "beir", "codesearchnet", "huggingface", "table")
_PACKED = r"(\.gz|\.zst)?"
_MSMARCO = (
    (re.compile(rf"msmarco-hard-negatives.*\.jsonl{_PACKED}"), "hard_negatives", ""),
    (re.compile(rf"collection.*\.tsv{_PACKED}"), "texts", "passages"),
    (re.compile(rf"queries.*\.tsv{_PACKED}"), "texts", "queries"),
    (re.compile(rf".*qrels.*\.(tsv|txt){_PACKED}"), "qrels", ""),
    (re.compile(rf"qidpidtriples.*\.tsv{_PACKED}"), "id_triples", ""),
    (re.compile(rf"triples.*\.tsv{_PACKED}"), "text_triples", ""),
)
_BEIR_TEXTS = {
    f"{name}.jsonl{packed}": (f"beir_{name}", store)
    for name, store in (("corpus", "passages"), ("queries", "queries"))
    for packed in ("", ".gz", ".zst")
}
_BEIR_QRELS = re.compile(rf"\.tsv{_PACKED}$")
_SPLIT_WORD = re.compile(r"(?<![a-z])(dev|val|valid|validation|test)(?![a-z])")
_HUB_SHARD = re.compile(r"(train|validation|test)-\d{5}-of-\d{5}\..*")
_STATE, _DICTIONARY = "state.json", "dataset_dict.json"
_MSMARCO_NAMES = "collection*.tsv, queries*.tsv, qrels*.tsv, qidpidtriples*.tsv, triples*.tsv"


@dataclass(frozen=True)
class Source:
    """A file, and how it is read."""

    path: str
    size: int
    version: str
    split: str = "train"
    """Of its rows, where they do not say one of their own."""
    layout: Layout | None = None
    """None: a table."""
    columns: Found | None = None
    """Of a table; None where it has no rows or cannot be read."""
    kind: str | None = None
    language: str | None = None
    name: str = ""
    """The last parts of its path, as many as tell it from the other files; stands in row ids."""
    broken: str = ""
    """Why it cannot be read."""


@dataclass(frozen=True)
class Sources:
    """The files that are read, in the order of their names, and those of the folders given that are not."""

    read: tuple[Source, ...]
    left_out: tuple[str, ...]


def find_sources(patterns: Sequence[str], wanted: str, columns: Columns) -> Sources:
    """The files that the patterns name, each once (by real path).

    `wanted` is one of FORMATS. Raises UsageError, with the mend, for what is in no layout that is read here.
    """
    found: dict[str, Source] = {}
    left_out: list[str] = []
    for path in (path for pattern in patterns for path in _paths(pattern)):
        sources = _folder(path, wanted, columns, left_out) if _is_folder(path) else _file(path, wanted, columns)
        for source in sources:
            real = os.path.realpath(source.path) if storage.is_local(source.path) else source.path
            found.setdefault(real, source)
    names = shortest_names([source.path for source in found.values()])
    named = [replace(source, name=name) for source, name in zip(found.values(), names, strict=True)]
    return Sources(tuple(_checked(sorted(named, key=lambda source: source.name))), tuple(left_out))


def shortest_names(paths: Sequence[str]) -> list[str]:
    """Of each path its last parts: one, where no other path ends so; else as many as it takes."""
    parts = [path.replace("\\", "/").strip("/").split("/") for path in paths]
    names = ["/".join(one[-1:]) for one in parts]
    for length in range(2, max(map(len, parts), default=0) + 1):
        repeated = {name for name, count in Counter(names).items() if count > 1}
        names = ["/".join(one[-length:]) if name in repeated else name for one, name in zip(parts, names, strict=True)]
    return names


def units_of(source: Source, *identity: str) -> Iterator[Unit]:
    """The units of a file. `identity`: of the settings that decide what reading it leaves behind."""

    def unit(part: LineRange, size: int, groups: Sequence[int] = ()) -> Unit:
        ids = (source.path, source.size, source.version, source.name, part.start, *groups, *identity)
        extra = {"source": plain(source), "part": plain(part), "groups": list(groups)}
        return Unit(unit_id(*ids), source.path, size, part.start, part.end or 0, extra)

    kind = table_type(source.path)
    if source.broken or (source.layout is None and kind not in (PARQUET, JSON)):
        yield unit(LineRange(), source.size)
    elif source.layout is None and kind == PARQUET:
        for groups, first, size in _row_groups(source.path):
            yield unit(LineRange(first=first), size, groups)
    else:
        for part in cut_lines(storage.FileInfo(source.path, source.size, source.version)):
            yield unit(part, source.size if part.end is None else part.end - part.start)


def _row_groups(path: str) -> Iterator[tuple[list[int], int, int]]:
    """(row groups, their first row, their bytes) of pieces of a Parquet file of about RANGE_BYTES."""
    with storage.open_read(path) as file:
        footer = pq.read_metadata(file)
    groups: list[int] = []
    first = rows = size = 0
    for number in range(footer.num_row_groups):
        groups.append(number)
        rows += footer.row_group(number).num_rows
        size += footer.row_group(number).total_byte_size
        if size >= RANGE_BYTES:
            yield groups, first, size
            groups, first, rows, size = [], first + rows, 0, 0
    if groups:
        yield groups, first, size


def _paths(pattern: str) -> list[str]:
    """The files and folders that a pattern names. Raises UsageError for none."""
    if is_http(pattern):
        return [pattern]
    if not storage.is_local(pattern):
        files = [info.path for info in storage.walk(pattern)]
        return [pattern] if files else [info.path for info in storage.expand([pattern])]
    found = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise UsageError(f"no file matches {pattern!r}; check the path, and quote a pattern so that it arrives whole")
    return found


def _is_folder(path: str) -> bool:
    if storage.is_local(path):
        return os.path.isdir(path)
    return not is_http(path) and bool(storage.walk(path))


def _folder(folder: str, wanted: str, columns: Columns, left_out: list[str]) -> list[Source]:
    """The files below a folder, those of a data set that is a folder by its rules; others go to `left_out`."""
    infos = {info.path: info for info in storage.walk(folder.rstrip("/"))}
    below: dict[str, set[str]] = {}
    for path in infos:
        below.setdefault(_parent(path), set()).add(storage.last_part(path))
    for parent, names in below.items():
        if MANIFEST_NAME in names:
            raise UsageError(f"{parent} is a pair set already; give it to `pairmill dedupe`")
    sets = {parent for parent, names in below.items() if names & set(_BEIR_TEXTS) and wanted in ("auto", "beir")}
    saved = {parent for parent, names in below.items() if _STATE in names and wanted in ("auto", "huggingface")}
    sources: list[Source] = []
    for path, info in infos.items():
        parent, name = _parent(path), storage.last_part(path)
        root = parent if parent in sets else _parent(parent) if storage.last_part(parent) == "qrels" else ""
        if parent in saved:
            own = _saved(info, parent, _DICTIONARY in below.get(_parent(parent), ()), columns)
        elif root in sets:
            own = _beir(info, root, name, parent == root)
        else:
            own = _recognised(info, wanted, columns) if wanted not in ("beir", "huggingface") else iter(())
        recognised = list(own)
        sources += recognised
        left_out += [] if recognised else [path]
    if not sources:
        known = "BEIR's corpus.jsonl, queries.jsonl and qrels/, or Hugging Face's state.json"
        raise UsageError(
            f"{folder} holds no data set that is known ({known}, or files); name its layout with --format, or what its "
            "tables' columns are with --columns anchor=NAME positive=NAME"
        )
    return sources


def _beir(info: storage.FileInfo, root: str, name: str, is_text: bool) -> Iterator[Source]:
    if is_text and name in _BEIR_TEXTS:
        layout, store = _BEIR_TEXTS[name]
        yield _lines(info, Layout(layout, root, store), QUERY_PASSAGE)
    elif not is_text and _BEIR_QRELS.search(name):
        yield _lines(info, Layout("beir_qrels", root, header=_first_cells(info)), QUERY_PASSAGE)


def _first_cells(info: storage.FileInfo) -> tuple[str, ...]:
    """The header of a file of judgements: its first line, unless that has a score."""
    cells = tuple("".join(_first_lines(info.path)[:1]).split("\t"))
    return () if cells[-1:] and re.fullmatch(r"-?\d+(\.\d+)?", cells[-1].strip()) else cells


def _saved(info: storage.FileInfo, folder: str, is_split: bool, columns: Columns) -> Iterator[Source]:
    """A shard of a Hugging Face data set that `save_to_disk` wrote; other Arrow files beside it are caches."""
    try:
        state = json.loads(storage.read_bytes(storage.join(folder, _STATE)))
        files = [entry["filename"] for entry in state["_data_files"]]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{folder}/{_STATE} is not what `save_to_disk` writes; save the data set again") from None
    if state.get("_indices_data_files"):
        raise UsageError(f"{folder} keeps its rows' order apart; call flatten_indices() on it and save it again")
    if storage.last_part(info.path) in files:
        split = split_named(storage.last_part(folder)) if is_split else "train"
        yield replace(_table(info, columns), split=split)


def _file(path: str, wanted: str, columns: Columns) -> Iterator[Source]:
    info = storage.describe([path])[0] if not storage.is_local(path) else storage.expand([path])[0]
    if wanted == "beir":
        raise UsageError(
            f"{path} is a file; a data set of BEIR is a folder with corpus.jsonl, queries.jsonl and qrels/"
        )
    found = list(_recognised(info, wanted, columns))
    if not found:
        raise UsageError(f"{path} is in no layout that is read here: {_mend(path, wanted)}")
    yield from found


def _mend(path: str, wanted: str) -> str:
    if wanted == "msmarco":
        return f"MS MARCO's files are told by their names: {_MSMARCO_NAMES}"
    if wanted in ("snli", "multinli"):
        return f"lines or a header with {', '.join(NLI_COLUMNS)} were expected"
    if table_type(path) is None:
        return "name the layout with --format, or give a table (.jsonl, .csv, .tsv, .parquet, .arrow)"
    return "say which columns hold the pair: --columns anchor=NAME positive=NAME"


def _recognised(info: storage.FileInfo, wanted: str, columns: Columns) -> Iterator[Source]:
    """The file, if it is in the layout that is wanted, or with `auto` in any. Raises UsageError for wrong columns."""
    name = storage.last_part(info.path)
    if wanted in ("auto", "msmarco") and not columns.named:
        for pattern, layout, store in _MSMARCO:
            if pattern.fullmatch(name):
                yield _msmarco(info, layout, store)
                return
    if wanted in ("auto", "snli", "multinli") and not columns.named:
        layout = _nli_layout(info)
        if layout is not None:
            yield replace(_lines(info, layout, NLI), language="en")
            return
    kind = table_type(info.path)
    if wanted in ("auto", "codesearchnet") and kind == JSON and not columns.named and _is_code_search_net(info):
        yield replace(_lines(info, None, None), columns=CODE_SEARCH_NET)
        return
    asked = wanted == "table" or (wanted == "huggingface" and kind == ARROW)
    if kind is not None and (asked or (wanted == "auto" and (columns.named or _has_sides(info)))):
        yield _table(info, columns)


def _msmarco(info: storage.FileInfo, layout: str, store: str) -> Source:
    lines = _first_lines(info.path) if layout == "text_triples" else []
    if any(re.fullmatch(r"\d+\t\d+\t\d+", line) for line in lines):
        layout = "id_triples"
    return replace(_lines(info, Layout(layout, "msmarco", store), QUERY_PASSAGE), language="en")


def _nli_layout(info: storage.FileInfo) -> Layout | None:
    """By the first line: the releases have .jsonl files, and tables in .txt and .tsv files."""
    if table_type(info.path) in (PARQUET, ARROW):
        return None
    lines = _first_lines(info.path)
    if any(set(NLI_COLUMNS) <= set(_keys(line)) for line in lines):
        return Layout("nli_json")
    cells = tuple(lines[0].split("\t")) if lines else ()
    return Layout("nli_tsv", header=cells) if set(NLI_COLUMNS) <= set(cells) else None


def _is_code_search_net(info: storage.FileInfo) -> bool:
    return any(is_code_search_net(_keys(line)) for line in _first_lines(info.path))


def _has_sides(info: storage.FileInfo) -> bool:
    try:
        names = column_names(info.path)
        return not names or {"anchor", "positive"} <= set(names)
    except (OSError, pa.ArrowException):
        return True  # a table whose damage the ledger will tell


def _table(info: storage.FileInfo, columns: Columns) -> Source:
    """A table with its columns. Raises UsageError where one is missing."""
    source = _lines(info, None, None)
    hub = _HUB_SHARD.fullmatch(storage.last_part(info.path))
    source = replace(source, split=hub[1] if hub else "train")
    try:
        there = column_names(info.path)
    except (OSError, pa.ArrowException) as error:
        return replace(source, broken=" ".join(str(error).split()))
    try:
        return replace(source, columns=columns.found(there, info.path)) if there else source
    except ValueError as error:
        raise UsageError(str(error)) from None


def _lines(info: storage.FileInfo, layout: Layout | None, kind: str | None) -> Source:
    split = split_named(storage.last_part(info.path)) if layout is not None else "train"
    return Source(info.path, info.size, info.version, split, layout, kind=kind)


def split_named(name: str) -> str:
    """The split that a file or a split of another library is of, by its name: train unless it says dev, val or test."""
    word = _SPLIT_WORD.search(name.lower())
    if word is None:
        return "train"
    return "test" if word[1] == "test" else "validation"


def _checked(sources: Sequence[Source]) -> list[Source]:
    """Ids need their texts: in each data set queries, passages and something that is said of them."""
    roots = sorted({source.layout.namespace for source in sources if source.layout and source.layout.namespace})
    names = dict(zip(roots, shortest_names(roots), strict=True))
    judged = {s.layout.namespace for s in sources if s.layout and s.layout.name in ("qrels", "beir_qrels")}
    for root in roots:
        own = [source.layout for source in sources if source.layout and source.layout.namespace == root]
        stores = {layout.store for layout in own if layout.holds_ids}
        speaking = [layout.name for layout in own if not layout.holds_ids]
        if any(name != "text_triples" for name in speaking) and stores != {"queries", "passages"}:
            lacking = " and ".join(sorted({"queries", "passages"} - stores))
            raise UsageError(
                f"{root}: ids are given, but no file with the {lacking}; add it to --input ({_MSMARCO_NAMES})"
            )
        if not speaking:
            raise UsageError(f"{root}: no file says which passage answers which query; add qrels or triples to --input")
    return [
        source
        if source.layout is None
        else replace(
            source,
            layout=replace(
                source.layout,
                namespace=names.get(source.layout.namespace, ""),
                triples_are_positives=source.layout.namespace not in judged,
            ),
        )
        for source in sources
    ]


def _first_lines(path: str) -> list[str]:
    """Of the first lines those that can be read: one that is broken must not hide what the file is."""
    first = islice(read_lines(path, LineRange()), LINES_ASKED)
    return [item[1] for item in first if not isinstance(item, BadRow)]


def _keys(line: str) -> Mapping[str, Any]:
    try:
        return json_object(line)
    except ValueError:
        return {}


def _parent(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[0]
