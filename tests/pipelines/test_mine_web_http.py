"""The whole job over HTTP: what a server does wrong costs the file that it does it to, and the ledger is exact."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines import storage
from pipelines.crawl_paths import check_sample, read_crawl_paths, sample_paths
from pipelines.mine_web import main, make_units
from pipelines.options import UsageError
from schemas import read_pair_set
from schemas.pair_set import read_manifest

SENTENCE = "The miller of village {0} opens the sluice at dawn, and wheel {1} begins to turn under the cold water."


def warc(*numbers: int) -> bytes:
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True)
    for number in numbers:
        body = "".join(f"<p>{SENTENCE.format(number, i)} {SENTENCE.format(number + 1, i)}</p>" for i in range(4))
        head = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
        page = io.BytesIO(f"<!doctype html><html><body><main>{body}</main></body></html>".encode())
        url = f"http://www.site{number}.org/"
        writer.write_record(writer.create_warc_record(url, "response", payload=page, http_headers=head))
    return out.getvalue()


def mine(out: Path, *args: object) -> dict:
    flags = ("--output", out, "--quiet", "--workers", 1, "--http-attempts", 2, "--http-timeout", 0.5)
    assert main([*map(str, (*args, *flags))]) == 0
    return read_manifest(str(out)).ledger


def urls_of(out: Path) -> set[str]:
    return {row["url"] for row in read_pair_set(str(out)).to_table().column("provenance").to_pylist()}


@pytest.fixture
def server(crawl_server):
    crawl_server.files |= {
        "a.warc.gz": warc(1, 2),
        "b.warc.gz": warc(3, 4),
        "c.warc.gz": warc(5, 6),
        "d.warc.gz": warc(7, 8)[:-30],
    }
    return crawl_server


FAULTS = {
    "well": (["well"], 2, {}, None),
    "no-ranges": (["no_ranges"], 2, {}, None),
    "503-and-well-again": (["well", "503", "well"], 2, {}, None),
    "cut-and-well-again": (["well", "cut", "well"], 2, {}, None),
    "stalled-and-well-again": (["well", "stall", "well"], 2, {}, None),
    "hung-and-well-again": (["well", "hang", "well"], 2, {}, None),
    "no-ranges-cut-and-well-again": (["no_ranges", "no_ranges", "no_cut", "no_ranges"], 2, {}, None),
    "moved": (["moved"], 2, {}, None),
    "404": (["404"], 0, {"unreadable_file": 1}, "answered 404"),
    "503-for-ever": (["503"], 0, {"unreadable_file": 1}, "answered 503"),
    "hung-for-ever": (["hang"], 0, {"unreadable_file": 1}, "timed out"),
    "redirects-without-end": (["loop"], 0, {"unreadable_file": 1}, "redirects"),
    "no-ranges-cut-for-ever": (["no_ranges", "no_ranges", "no_cut"], 1, {"unreadable_file": 1}, "breaks off"),
    "cut-and-no-length-said": (["no_ranges", "no_ranges", "no_length"], 1, {"truncated": 1}, "ends within"),
}


def test_a_servers_fault_costs_its_file_alone(server, tmp_path):
    for number, (name, (behaviour, *_)) in enumerate(FAULTS.items()):
        server.files[name] = warc(2 * number + 10, 2 * number + 11)
        server.behave[name] = list(behaviour)
    urls = {f"{server.url}/{name}": name for name in FAULTS}
    out = tmp_path / "out"
    total = mine(out, "--input", *urls)
    found = {}
    for path in (out / "units").iterdir():
        unit = json.loads(path.read_text())
        name, record = urls[unit["uri"]], unit["ledger"]["stages"]["record"]
        why = FAULTS[name][3]
        assert all(why in failure["why"] for failure in unit["ledger"]["failures"]), name
        assert record["read"] == record["kept"] + sum(record["failed"].values()), name
        found[name] = (record["kept"], record["failed"])
    assert found == {name: (kept, failed) for name, (_, kept, failed, _) in FAULTS.items()}
    record = total["stages"]["record"]
    assert record["failed"] == {"truncated": 1, "unreadable_file": 5}
    assert record["read"] == record["kept"] + 6 == 18 + 6
    assert {failure["where"].split(" at byte ")[0] for failure in total["failures"]} <= set(urls)
    assert len(urls_of(out)) == 18


def test_http_gives_the_rows_that_the_disk_gives(server, tmp_path):
    for name, data in server.files.items():
        (tmp_path / name).write_bytes(data)
    here = mine(tmp_path / "here", "--input", tmp_path / "*.warc.gz")
    there = mine(tmp_path / "there", "--input", *(f"{server.url}/{name}" for name in server.files))
    assert here["stages"] == there["stages"]
    ids = [read_manifest(str(tmp_path / folder)).data_id for folder in ("here", "there")]
    assert ids[0] == ids[1]


@pytest.mark.slow
def test_two_workers_read_over_http(server, tmp_path):
    out = tmp_path / "out"
    inputs = [f"{server.url}/{name}" for name in server.files]
    assert main(["--input", *inputs, "--output", str(out), "--quiet", "--workers", "2"]) == 0
    assert read_manifest(str(out)).ledger["stages"]["record"]["failed"] == {"truncated": 1}
    assert len(urls_of(out)) == 7


def test_files_behind_urls_are_cut_into_ranges_where_the_server_serves_them(server):
    url, size = f"{server.url}/a.warc.gz?token=1", 1000
    units = make_units([storage.FileInfo(url, size, "1")], range_bytes=300)
    assert [(unit.start, unit.end) for unit in units] == [(0, 300), (300, 600), (600, 900), (900, 1000)]
    (unit,) = make_units([storage.FileInfo(url, 0, "")], range_bytes=300)
    assert (unit.start, unit.end, unit.size) == (0, 0, 0)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["url", "disk"])
def test_a_crawls_own_list_names_the_files(server, tmp_path, packed, place):
    text = b"crawl/a.warc.gz\n\n# a comment\ncrawl/gone.warc.gz\r\ncrawl/a.warc.gz\n"
    data = gzip.compress(text) if packed else text
    server.files |= {"crawl/a.warc.gz": server.files["a.warc.gz"], "warc.paths": data}
    (tmp_path / "warc.paths").write_bytes(data)
    paths = f"{server.url}/warc.paths" if place == "url" else tmp_path / "warc.paths"
    ledger = mine(tmp_path / "out", "--crawl-paths", paths, "--base-url", f"{server.url}/")
    record = ledger["stages"]["record"]
    assert (record["read"], record["kept"], record["failed"]) == (3, 2, {"unreadable_file": 1})
    config = read_manifest(str(tmp_path / "out")).config
    assert (config["crawl_paths"], config["base_url"]) == (str(paths), f"{server.url}/")


def test_a_list_may_lie_over_a_folder_and_beside_inputs(server, tmp_path):
    (tmp_path / "crawl" / "x").mkdir(parents=True)
    (tmp_path / "crawl" / "x" / "a.warc.gz").write_bytes(server.files["a.warc.gz"])
    (tmp_path / "list").write_text(f"x/a.warc.gz\n{server.url}/b.warc.gz\nx/none.warc.gz\n")
    args = ("--crawl-paths", tmp_path / "list", "--base-url", tmp_path / "crawl", "--input", f"{server.url}/c.warc.gz")
    ledger = mine(tmp_path / "out", *args)
    record = ledger["stages"]["record"]
    assert (record["read"], record["kept"], record["failed"]) == (7, 6, {"unreadable_file": 1})


def test_a_job_over_http_resumes(server, tmp_path):
    args = ["--input", f"{server.url}/a.warc.gz", f"{server.url}/b.warc.gz", "--output", str(tmp_path / "out")]
    assert main([*args, "--quiet", "--workers", "1"]) == 0
    whole = read_manifest(str(tmp_path / "out"))
    (tmp_path / "out" / "manifest.json").unlink()
    marker = sorted((tmp_path / "out" / "units").iterdir())[0]
    done = json.loads(marker.read_text())["uri"].rsplit("/", 1)[-1]
    marker.unlink()
    server.requests.clear()
    assert main([*args, "--quiet", "--workers", "1", "--resume"]) == 0
    assert read_manifest(str(tmp_path / "out")).data_id == whole.data_id
    other = {"a.warc.gz": "b.warc.gz", "b.warc.gz": "a.warc.gz"}[done]
    assert server.requests[other] == 1, "asked for its size alone"


def test_a_dry_run_says_what_is_known(server, tmp_path, capsys):
    server.behave["b.warc.gz"] = ["no_ranges"]
    urls = [f"{server.url}/{name}.warc.gz" for name in "ab"]
    assert main(["--input", *urls, "--output", str(tmp_path / "out"), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "input: 1 inputs and 1 of unknown size, 0.0 MB; 2 units" in told and "fetches nothing" in told


def test_a_sample_follows_from_the_seed_alone_and_grows():
    paths = [f"crawl/segment-{i // 10}/file-{i:05d}.warc.gz" for i in range(1000)]
    ten, hundred = sample_paths(paths, 10, 1), sample_paths(paths, 0.1, 1)
    assert (len(ten), len(hundred)) == (10, 100)
    assert set(ten) < set(hundred)
    assert set(sample_paths(paths[::-1], 10, 1)) == set(ten)
    assert set(sample_paths(paths, 10, 2)) != set(ten)
    assert len({path.split("/")[1] for path in hundred}) > 50, "drawn from all over the list"
    assert sample_paths(paths, 5000, 1) == paths
    assert len(sample_paths(paths[:3], 0.001, 1)) == 1


@pytest.mark.parametrize("text", ["0", "-1", "0.0", "1.5", "x", "", "nan"])
def test_a_sample_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="--sample takes"):
        check_sample(text)


@pytest.mark.parametrize("data", [b"", b"# only\n", b"\x1f\x8b\x08xx", b"<html>\n<p>", b"\xff\xfe", b"a\tb\n"])
def test_what_is_no_list_of_paths_is_refused(tmp_path, data):
    (tmp_path / "list").write_bytes(data)
    with pytest.raises(UsageError, match="list"):
        read_crawl_paths(str(tmp_path / "list"))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "nothing to read"),
        (["--sample", "3"], "belong to --crawl-paths"),
        (["--crawl-paths", "LIST"], "needs --base-url"),
        (["--crawl-paths", "gone", "--base-url", "x"], "cannot be read"),
        (["--crawl-paths", "LIST", "--base-url", "x", "--sample", "many"], "such as 100"),
        (["--input", "x", "--http-attempts", "0"], "1 attempt or more"),
    ],
)
def test_a_users_mistake_is_one_sentence(tmp_path, capsys, flags, told):
    (tmp_path / "list").write_text("a\n")
    flags = [str(tmp_path / "list") if flag == "LIST" else flag for flag in flags]
    assert main([*flags, "--output", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
