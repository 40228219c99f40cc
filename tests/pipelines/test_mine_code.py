"""The whole job: the same rows however it runs, and the ledger against the footers."""

import io
import json
import shutil
import sysconfig
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.code_inputs import CodeInputs, find_units
from pipelines.mine_code import main
from pipelines.options import UsageError

STDLIB = Path(sysconfig.get_path("stdlib"))
GOOD = b'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'


def rows(output):
    manifest = json.loads((output / "manifest.json").read_text())
    ids = []
    for file in manifest["files"]:
        if file["path"].startswith("data/"):
            ids += pq.read_table(output / file["path"], columns=["row_id"]).column(0).to_pylist()
    return manifest, sorted(ids)


@pytest.fixture
def repositories(tmp_path):
    folder = tmp_path / "repos"
    for name in ("json", "email"):
        shutil.copytree(STDLIB / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "json" / "bad.py").write_bytes(b"# \xff\xfe\n" + GOOD)
    (folder / "json-1.0.dist-info").mkdir()
    (folder / "json-1.0.dist-info" / "METADATA").write_text("Name: json-lib\nVersion: 1.0\nLicense-Expression: MIT\n")
    (folder / "json-1.0.dist-info" / "RECORD").write_text("json/__init__.py,,\n")
    (folder / "one.py").write_bytes(GOOD)
    (folder / "notes.txt").write_text("no source")
    with tarfile.open(folder / "packed.tar.gz", "w:gz") as tar:
        for name in ("packed/a.py", "../out.py"):
            info = tarfile.TarInfo(name)
            info.size = len(GOOD)
            tar.addfile(info, io.BytesIO(GOOD))
    (folder / "broken.zip").write_bytes(b"PK\3\4 cut")
    return folder


@pytest.mark.slow
def test_rows_are_the_same_with_any_number_of_workers(repositories, tmp_path):
    results = []
    for workers in ("1", "2"):
        output = tmp_path / f"out{workers}"
        arguments = ["--input", f"{repositories}/*", "--output", str(output), "--workers", workers, "--quiet"]
        assert main(arguments) == 0
        results.append(rows(output))
    (manifest, first), (other, second) = results
    assert first == second and len(first) == len(set(first)) > 50
    assert manifest["data_id"] == other["data_id"]
    stages = manifest["ledger"]["stages"]
    assert stages["pair"]["kept"] == len(first)
    assert stages["file"]["failed"] == {"damaged_repository": 1, "not_utf8": 1}
    assert stages["file"]["dropped"]["unsafe_name"] == 1
    table = pq.read_table(next((tmp_path / "out1" / "data").glob("*.parquet")).parent)
    places = table.column("provenance").to_pylist()
    assert {place["repo"] for place in places} == {"json-lib", "email", "one", "packed"}
    assert {(p["license"], p["revision"]) for p in places if p["repo"] == "json-lib"} == {("MIT", "1.0")}
    assert all(p["path"].startswith("json/") for p in places if p["repo"] == "json-lib")


def test_row_ids_do_not_depend_on_the_place(repositories, tmp_path):
    moved = tmp_path / "elsewhere" / "email"
    shutil.copytree(repositories / "email", moved)
    ids = []
    for i, path in enumerate((repositories / "email", moved)):
        assert main(["--input", str(path), "--output", str(tmp_path / f"o{i}"), "--quiet"]) == 0
        ids.append(rows(tmp_path / f"o{i}")[1])
    assert ids[0] == ids[1]


def test_stored_spans_slice_to_the_stored_code(repositories, tmp_path):
    output = tmp_path / "out"
    assert main(["--input", str(repositories / "email"), "--output", str(output), "--filters", "none", "--quiet"]) == 0
    table = pq.read_table(output / "data")
    for place, code in zip(table.column("provenance").to_pylist(), table.column("positive").to_pylist(), strict=True):
        source = (repositories / "email" / place["path"]).read_bytes()
        span = source[place["start_byte"] : place["end_byte"]].decode()
        assert place["docstring_raw"] in span
        head = span.split(place["docstring_raw"], 1)[0].rstrip()
        assert code.startswith(head)


def test_rejects_say_what_and_where(repositories, tmp_path):
    output = tmp_path / "out"
    assert main(["--input", str(repositories / "json"), "--output", str(output), "--keep-rejects", "--quiet"]) == 0
    manifest, _ = rows(output)
    stages = manifest["ledger"]["stages"]
    refused = sum(sum(s["dropped"].values()) + sum(s["failed"].values()) for s in stages.values())
    assert sum(file["rows"] for file in manifest["files"] if file["path"].startswith("rejects/")) == refused


def test_recipe_and_wrong_arguments(repositories, tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("min_docstring_words: 50\n")
    arguments = ["--input", str(repositories / "email"), "--recipe", str(recipe), "--quiet"]
    assert main([*arguments, "--output", str(tmp_path / "a")]) == 0
    assert (
        "docstring_too_short"
        in json.loads((tmp_path / "a" / "manifest.json").read_text())["ledger"]["stages"]["pair"]["dropped"]
    )
    assert main([*arguments, "--filters", "none", "--output", str(tmp_path / "b")]) == 2
    recipe.write_text("min_docstring_word: 5\n")
    assert main([*arguments, "--output", str(tmp_path / "c")]) == 2
    assert "min_docstring_words" in capsys.readouterr().err
    assert main(["--input", str(tmp_path / "nothing"), "--output", str(tmp_path / "d")]) == 2


def test_inputs_are_taken_once(repositories):
    units = find_units([f"{repositories}/*", str(repositories / "json")], CodeInputs())
    names = sorted(Path(unit.uri).name for unit in units)
    assert names == ["broken.zip", "email", "json", "one.py", "packed.tar.gz"]
    with pytest.raises(UsageError, match="matches"):
        find_units([str(repositories / "notes.txt")], CodeInputs())
