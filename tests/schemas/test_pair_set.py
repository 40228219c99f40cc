"""A pair set as a whole: written, read, loaded with `datasets`, and every kind of damage found by `verify`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import SCHEMA, PairSetError, Provenance, make_pair, read_manifest, read_pair_set
from schemas.data_id import data_id, row_sums
from schemas.finished import file_entry
from schemas.manifest import config_hash
from schemas.pair import in_schema, pairs_to_table, schema_of_version
from schemas.verify import faults, main
from schemas.writer import ROW_GROUP_ROWS, PartWriter


def some_pairs(count: int) -> list:
    return [
        make_pair(
            kind="neighbor_text",
            language="en",
            anchor=f"passage {i}",
            positive=f"passage {i + 1}",
            place=("web", "a.warc", i, 0),
            group=None,
            provenance=Provenance(url=f"http://a.example/{i}", ordinal=0),
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("rows", [1, 3, 10_000])
def test_load_dataset_gives_the_documented_columns(make_pair_set, tmp_path, rows):
    from datasets import load_dataset

    folder = make_pair_set(rows, files=2)
    loaded = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(part) for split, part in loaded.items()} == {"train": rows}
    assert loaded["train"].column_names == SCHEMA.names
    assert sorted(loaded["train"]["row_id"]) == sorted(read_pair_set(folder).to_table()["row_id"].to_pylist())


def test_a_row_reads_back_as_it_was_written(make_pair_set):
    pairs = some_pairs(3)
    table = read_pair_set(make_pair_set(pairs)).to_table()
    assert table.schema.equals(SCHEMA)
    row = table.to_pylist()[1]
    assert row["anchor"] == "passage 1" and row["positive"] == "passage 2"
    assert row["row_id"] == pairs[1].row_id == row["group"]
    assert row["source"] == "neighbor_text/en"
    assert row["signals"]["anchor_words"] == 2
    assert row["provenance"]["url"] == "http://a.example/1" and row["provenance"]["repo"] is None


def test_the_second_passage_as_anchor_meets_the_first_pairs_positive():
    first, second = some_pairs(2)
    assert first.positive_hash == second.anchor_hash


def test_blank_sides_are_refused():
    with pytest.raises(ValueError, match="drop it with a reason"):
        make_pair(
            kind="neighbor_text",
            language="en",
            anchor=" \n",
            positive="x",
            place=(),
            group="g",
            provenance=Provenance(),
        )


def test_whole_set_verifies(make_pair_set, capsys):
    folder = make_pair_set(50, files=3)
    assert list(faults(str(folder))) == []
    assert main([str(folder)]) == 0
    assert "whole and undamaged; train 50" in capsys.readouterr().out


def test_a_set_without_rows_is_whole_and_reads_as_empty(make_pair_set):
    folder = make_pair_set([])
    assert list(faults(str(folder))) == []
    assert read_pair_set(folder).count_rows() == 0
    assert "configs" not in (folder / "README.md").read_text()


def data_file(folder: Path) -> Path:
    return sorted((folder / "data").iterdir())[0]


def flip_a_byte(folder: Path) -> None:
    content = bytearray(data_file(folder).read_bytes())
    content[len(content) // 2] ^= 1
    data_file(folder).write_bytes(content)


def cut_a_file(folder: Path) -> None:
    data_file(folder).write_bytes(data_file(folder).read_bytes()[:-1])


def edit_the_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))


def edit_the_ledger_and_sign_it(folder: Path) -> None:
    """An edit that also mends the manifest's own checksum is still found: the counts no longer add up."""
    path = folder / "manifest.json"
    value = json.loads(path.read_text())
    value["ledger"]["stages"]["pair"]["kept"] -= 1
    value.pop("manifest_sha256")
    value["manifest_sha256"] = config_hash(value)
    path.write_text(json.dumps(value))


def swap_rows_and_sign_it(folder: Path) -> None:
    """A file rewritten with other text, its size and sha256 mended in the manifest: ids no longer follow from text."""
    import hashlib

    path = data_file(folder)
    table = pq.read_table(path, schema=SCHEMA)
    changed = table.set_column(5, SCHEMA.field("anchor"), [table["anchor"].to_pylist()[::-1]])
    with path.open("wb") as file:
        writer = PartWriter(file)
        writer.write(changed)
        written = writer.close()
    value = json.loads((folder / "manifest.json").read_text())
    for entry in value["files"]:
        if entry["path"].endswith(path.name):
            entry.update(bytes=written.bytes, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    value.pop("manifest_sha256")
    value["manifest_sha256"] = config_hash(value)
    (folder / "manifest.json").write_text(json.dumps(value))


def repeat_a_file_unnamed(folder: Path) -> None:
    shutil.copy(data_file(folder), folder / "data" / "train-copy.parquet")


DAMAGE = [
    (flip_a_byte, "sha256"),
    (cut_a_file, "bytes where"),
    (lambda folder: data_file(folder).unlink(), "is missing"),
    (edit_the_manifest, "changed after it was written"),
    (edit_the_ledger_and_sign_it, "the ledger is wrong"),
    (swap_rows_and_sign_it, "do not follow from their text"),
    (repeat_a_file_unnamed, "not named in the manifest"),
    (lambda folder: (folder / "README.md").unlink(), "data card"),
    (lambda folder: (folder / "manifest.json").unlink(), "no finished pair set"),
    (lambda folder: (folder / "manifest.json").write_text("{"), "not a manifest"),
]


@pytest.mark.parametrize(("damage", "sentence"), DAMAGE)
def test_damage_is_found_and_named(make_pair_set, capsys, damage, sentence):
    folder = make_pair_set(50, files=2)
    damage(folder)
    assert main([str(folder)]) == 1
    assert sentence in capsys.readouterr().err


def test_a_repeated_row_is_found(make_pair_set, capsys):
    pairs = some_pairs(5)
    assert main([str(make_pair_set([*pairs, pairs[2]]))]) == 1
    assert "1 rows have the row_id of another row" in capsys.readouterr().err


def test_reading_refuses_what_is_no_pair_set(tmp_path, make_pair_set):
    with pytest.raises(PairSetError, match="no finished pair set"):
        read_manifest(tmp_path)
    folder = make_pair_set(5)
    with pytest.raises(ValueError, match="no split 'dev'"):
        read_pair_set(folder, "dev")
    data_file(folder).unlink()
    with pytest.raises(PairSetError, match="run `pairmill verify`"):
        read_pair_set(folder)


def test_row_groups_are_bounded(tmp_path):
    table = pairs_to_table(some_pairs(1000))
    with (tmp_path / "x.parquet").open("wb") as file:
        writer = PartWriter(file)
        for _ in range(70):
            writer.write(table)
        written = writer.close()
    footer = pq.read_metadata(tmp_path / "x.parquet")
    assert written.rows == footer.num_rows == 70_000
    assert max(footer.row_group(i).num_rows for i in range(footer.num_row_groups)) <= ROW_GROUP_ROWS
    assert footer.row_group(0).column(0).compression == "ZSTD"


@given(st.permutations(range(12)), st.integers(1, 11))
def test_the_data_id_does_not_depend_on_order_or_sharding(order, cut):
    pairs = some_pairs(12)
    whole = row_sums(pairs_to_table(pairs))
    shuffled = [pairs[i] for i in order]
    parts = row_sums(pairs_to_table(shuffled[:cut])) + row_sums(pairs_to_table(shuffled[cut:]))
    assert data_id({"train": (12, whole)}) == data_id({"train": (12, parts)})
    assert data_id({"train": (11, row_sums(pairs_to_table(pairs[1:])))}) != data_id({"train": (12, whole)})


def test_the_data_id_sees_every_summed_column():
    from dataclasses import replace

    pair = some_pairs(1)[0]
    changes = [
        {"row_id": "0" * 32},
        {"kind": "docstring_code"},
        {"source": "x"},
        {"language": "de"},
        {"cluster": 1},
        {"group": "g"},
        {"anchor_hash": 1},
        {"positive_hash": 1},
        {"negatives": ("n",)},
        {"negative_hashes": (1,)},
    ]
    sums = {row_sums(pairs_to_table([replace(pair, **change)])) for change in changes}
    assert len(sums | {row_sums(pairs_to_table([pair]))}) == len(changes) + 1


def test_a_set_of_the_version_before_is_read_and_verified(make_pair_set):
    """Version 1 had no `documentation`: a file without it is whole there, and reads as null."""
    folder = make_pair_set(10)
    path = next((folder / "data").glob("*.parquet"))
    older = pq.read_table(path).drop_columns(["documentation"])
    with path.open("wb") as file:
        writer = PartWriter(file, schema_of_version(1))
        writer.write(older)
        entry = file_entry(f"data/{path.name}", "train", writer.close())
    manifest = read_manifest(folder)
    (folder / "manifest.json").write_bytes(replace(manifest, files=(entry,), schema_version=1).to_bytes())
    assert list(faults(str(folder))) == []
    table = read_pair_set(folder).to_table()
    assert table.schema.names == SCHEMA.names and table["documentation"].null_count == 10
    assert in_schema(older).schema.equals(SCHEMA)
    (folder / "manifest.json").write_bytes(replace(manifest, files=(entry,)).to_bytes())
    assert any("does not have the schema" in fault for fault in faults(str(folder)))
