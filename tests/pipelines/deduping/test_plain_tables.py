"""Plain tables as input of dedupe: what is taken, what is bad, and that ids and hashes are those of `make_pair`."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import dedupe
from pipelines.deduping import inputs as dedupe_input
from pipelines.deduping import plain_tables
from schemas import verify
from schemas.pair import Provenance, make_pair, pairs_to_table
from schemas.pair_set import read_manifest, read_pair_set

ROWS = [
    {"anchor": "What does f do?", "positive": "It  Counts the words.", "group": "a.example", "license": "MIT"},
    {"anchor": "Größe", "positive": "def f(x):  \r\n    return x", "kind": "docstring_code", "language": "python"},
    {"anchor": "one two", "positive": "three\u00a0four", "language": "en", "group": ""},
]


def write_jsonl(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def run(output: Path, *inputs: object, flags: tuple[str, ...] = ()) -> int:
    flags = ("--validation-share", "0", "--test-share", "0", "--quiet", *flags)
    return dedupe.main(["--input", *map(str, inputs), "--output", str(output), *flags])


def rows_of(folder: Path) -> dict[str, dict]:
    return {row["row_id"]: row for row in read_pair_set(str(folder)).to_table().to_pylist()}


def expected(name: str, path: str) -> list[dict]:
    """The rows as `make_pair` makes them, one by one."""
    pairs = [
        make_pair(
            kind=row.get("kind", "neighbor_text"),
            language=row.get("language"),
            source=None if "language" in row else row.get("kind", "neighbor_text"),
            anchor=row["anchor"],
            positive=row["positive"],
            place=(name, number),
            group=row.get("group"),
            provenance=Provenance(uri=path, ordinal=number, license=row.get("license")),
        )
        for number, row in enumerate(ROWS)
    ]
    return pairs_to_table(pairs).drop_columns(["cluster"]).to_pylist()


@pytest.mark.parametrize("form", ["parquet", "jsonl", "jsonl.gz", "folder"])
def test_rows_are_those_of_make_pair(tmp_path: Path, form: str) -> None:
    if form in ("parquet", "folder"):
        path = tmp_path / "pairs.parquet"
        columns = {name: [row.get(name) for row in ROWS] for name in plain_tables.EXTRAS + plain_tables.SIDES}
        pq.write_table(pa.table({**columns, "number": [1, 2, 3]}), path)
    else:
        path = write_jsonl(tmp_path / "pairs.jsonl", *ROWS)
        if form == "jsonl.gz":
            data = gzip.compress(path.read_bytes())
            path.unlink()
            path = tmp_path / "pairs.jsonl.gz"
            path.write_bytes(data)
    assert run(tmp_path / "out", tmp_path if form == "folder" else path) == 0
    found = rows_of(tmp_path / "out")
    clusters = {row_id: row.pop("cluster") for row_id, row in found.items()}
    assert found == {row["row_id"]: row for row in expected(path.name, str(path))}
    assert None not in clusters.values()
    assert list(verify.faults(str(tmp_path / "out"))) == []


def test_bad_rows_are_counted_and_listed_and_cost_nobody_else(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "pairs.jsonl",
        ROWS[0],
        "{not json",
        "",
        [1, 2],
        {"anchor": "a b c", "positive": 5},
        {"anchor": "no positive"},
        {"anchor": "x", "positive": "y", "kind": "poem"},
        '{"anchor": "half of a pair \\ud800", "positive": "z"}',
        {"anchor": "blank", "positive": " \t"},
        ROWS[2],
    )
    out = tmp_path / "out"
    assert run(out, path) == 0
    ledger = read_manifest(str(out)).ledger
    exact = ledger["stages"]["exact"]
    assert (exact["read"], exact["failed"], exact["dropped"]) == (9, {"bad_row": 6}, {"empty_side": 1})
    assert len(rows_of(out)) == 2
    listed = {item["where"].rsplit(" ", 1)[1]: item["why"] for item in ledger["failures"]}
    assert set(listed) == {"1", "3", "4", "5", "6", "7"}
    assert "positive is missing" in listed["5"] and "poem" in listed["6"] and "list" in listed["3"]


def test_cut_into_units_and_beside_pair_sets_no_row_changes(
    tmp_path: Path, make_pair_set, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_pair_set(30)
    texts = [{"anchor": f"question {i} of many", "positive": f"answer {i % 90} of them"} for i in range(120)]
    pq.write_table(pa.Table.from_pylist(texts), tmp_path / "pairs.parquet", row_group_size=17)
    jsonl = write_jsonl(tmp_path / "more.jsonl", *texts[:40])
    assert run(tmp_path / "one", folder, tmp_path / "pairs.parquet", jsonl) == 0
    monkeypatch.setattr(dedupe_input, "LEAST_UNIT_BYTES", 1)
    monkeypatch.setattr(dedupe_input, "BATCH_ROWS", 7)
    assert run(tmp_path / "many", jsonl, tmp_path / "pairs.parquet", folder) == 0
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "many")
    assert read_manifest(str(tmp_path / "one")).data_id == read_manifest(str(tmp_path / "many")).data_id


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"anchor": ["a"]}, "no column 'positive'"),
        ({"anchor": ["a"], "positive": [1]}, "not strings"),
        (None, "cannot be read as Parquet"),
    ],
)
def test_a_table_without_sides_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture, table: dict | None, told: str
) -> None:
    path = tmp_path / "pairs.parquet"
    if table is None:
        path.write_bytes(b"PAR0")
    else:
        pq.write_table(pa.table(table), path)
    assert run(tmp_path / "out", path) == 2
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == 1
