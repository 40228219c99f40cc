"""mine-code over clones and tables: the same rows as from a folder, and each failure one record with where and why."""

import gzip
import http.server
import json
import shutil
import subprocess
import sysconfig
import threading
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.code_inputs import CodeInputs, find_units
from pipelines.mine_code import main
from pipelines.options import UsageError

STDLIB = Path(sysconfig.get_path("stdlib"))
GOOD = b'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """`email` of the standard library as a git repository of two commits; the first has one file."""
    work = tmp_path_factory.mktemp("work") / "email"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "first.py").write_bytes(GOOD)
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "first")
    git(work, "tag", "v1")
    shutil.copytree(STDLIB / "email", work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "second")
    return work


def run(output, *arguments, status=0):
    assert main([*arguments, "--output", str(output), "--quiet"]) == status
    if status:
        return None, []
    manifest = json.loads((output / "manifest.json").read_text())
    paths = [output / file["path"] for file in manifest["files"] if file["path"].startswith("data/")]
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    return manifest, rows


def contents(rows):
    return sorted((row["pair_id"], row["provenance"]["path"], row["provenance"]["start_byte"]) for row in rows)


@pytest.mark.slow
def test_clones_give_the_rows_of_the_folder(repository, tmp_path):
    served = tmp_path / "owner"
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(served / "email.git"))
    listed = tmp_path / "list.txt"
    listed.write_text("# two revisions and one that is not there\nowner/email.git\nowner/email.git@v1\nowner/none\n")
    manifest, rows = run(
        tmp_path / "out",
        *("--repos", str(listed), "--repos-base-url", f"file://{tmp_path}", "--clone-protocols", "file"),
        *("--temp", str(tmp_path / "scratch")),
    )
    _, folder = run(tmp_path / "folder", "--input", str(repository))
    _, first = run(tmp_path / "first", "--input", str(repository), "--revision", "v1")
    assert contents(rows) == contents(folder + first)
    assert len(first) == 1 and len(folder) > 50
    revisions = {row["provenance"]["revision"] for row in rows}
    assert revisions == {git(repository, "rev-parse", "HEAD"), git(repository, "rev-parse", "v1")}
    assert manifest["ledger"]["stages"]["file"]["failed"] == {"clone_failed": 1}
    (failure,) = manifest["ledger"]["failures"]
    assert failure["where"].endswith("owner/none") and "does not appear to be a git repository" in failure["why"]
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.slow
def test_clones_over_http_in_worker_processes(repository, tmp_path):
    """Dumb HTTP knows no shallow clone: the job says so, for each of them, and goes on."""
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(tmp_path / "o" / "email.git"))
    git(tmp_path / "o" / "email.git", "update-server-info")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        listed = tmp_path / "list.txt"
        listed.write_text(f"http://127.0.0.1:{server.server_port}/o/email.git\n")
        arguments = ["--repos", str(listed), "--input", str(repository), "--clone-protocols", "http", "--workers", "2"]
        manifest, rows = run(tmp_path / "out", *arguments)
        server.shutdown()
    assert manifest["ledger"]["stages"]["file"]["failed"] == {"clone_failed": 1}
    assert "shallow" in manifest["ledger"]["failures"][0]["why"]
    assert len(rows) > 50


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The same files as Parquet of several row groups, as lines and as packed lines."""
    folder = tmp_path_factory.mktemp("tables")
    paths = sorted((STDLIB / "email").rglob("*.py"))
    rows = [
        {
            "text": path.read_text(),
            "file": str(path.relative_to(STDLIB)),
            "repo": "python/cpython",
            "license": "psf-2.0",
        }
        for path in paths
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "t.parquet", row_group_size=7)
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    (folder / "t.jsonl").write_bytes(data)
    (folder / "t.jsonl.gz").write_bytes(gzip.compress(data))
    return folder


@pytest.mark.parametrize("name", ["t.parquet", "t.jsonl", "t.jsonl.gz"])
def test_tables_give_the_rows_of_the_folder(tables, tmp_path, monkeypatch, name):
    monkeypatch.setattr("pipelines.code_inputs.LINES_BYTES", 100_000)
    _, rows = run(tmp_path / "out", "--input", str(tables / name), "--columns", "content=text,path=file")
    _, folder = run(tmp_path / "folder", "--input", str(STDLIB / "email"))
    strip = [(pair, path.removeprefix("email/"), start) for pair, path, start in contents(rows)]
    assert sorted(strip) == contents(folder)
    assert {row["group"] for row in rows} == {"python/cpython"}
    assert len({row["row_id"] for row in rows}) == len(rows)
    units = len(list((tmp_path / "out" / "units").iterdir()))
    assert units > 3 if name != "t.jsonl.gz" else units == 1


def test_what_tables_are_told(tables, tmp_path, capsys):
    run(tmp_path / "a", "--input", str(tables / "t.parquet"), status=2)
    assert "no column 'content'; its columns are text, file, repo, license: say --columns" in capsys.readouterr().err
    run(tmp_path / "a", "--input", str(tables / "t.jsonl"), "--columns", "content=text", status=2)
    assert "--columns path=NAME" in capsys.readouterr().err
    run(tmp_path / "a", "--input", str(tables / "t.jsonl"), "--columns", "body=text", status=2)
    assert "the roles are" in capsys.readouterr().err
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no more")
    manifest, _ = run(tmp_path / "b", "--input", str(tmp_path / "broken.parquet"))
    assert manifest["ledger"]["stages"]["file"]["failed"] == {"damaged_repository": 1}


def test_what_other_arguments_are_told(repository, tmp_path, capsys):
    run(tmp_path / "a", status=2)
    assert "--repos" in capsys.readouterr().err
    run(tmp_path / "a", "--repos", str(tmp_path / "none.txt"), status=2)
    assert "cannot be read" in capsys.readouterr().err
    run(tmp_path / "a", "--input", str(STDLIB / "email"), "--revision", "v1", status=2)
    assert "--revision" in capsys.readouterr().err
    run(tmp_path / "a", "--input", str(repository), "--clone-seconds", "0", status=2)
    manifest, rows = run(tmp_path / "b", "--input", str(repository), "--revision", "nope")
    assert not rows and manifest["ledger"]["stages"]["file"]["failed"] == {"damaged_repository": 1}
    with pytest.raises(UsageError, match="matches"):
        find_units([str(tmp_path / "nothing.parquet")], CodeInputs())
