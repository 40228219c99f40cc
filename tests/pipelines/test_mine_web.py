"""The whole job: real arguments, real files, the manifest and the rows that it leaves."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from miners.web import WebConfig
from pipelines import storage
from pipelines.mine_web import WebMiner, main, make_units
from pipelines.units import Unit
from schemas import read_pair_set
from schemas.ledger import Ledger
from schemas.pair_set import read_manifest
from schemas.verify import main as verify

SENTENCE = "The miller of village {0} opens the sluice at dawn, and wheel {1} begins to turn under the cold water."


def page(number: int, paragraphs: int = 4) -> str:
    body = "".join(f"<p>{SENTENCE.format(number, i)} {SENTENCE.format(number + 1, i)}</p>" for i in range(paragraphs))
    return f"<!doctype html><html><body><main>{body}</main></body></html>"


def write_warc(path: Path, numbers: range) -> Path:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "tests"}))
        for number in numbers:
            head = StatusAndHeaders(
                "200 OK" if number % 5 else "404 Not Found",
                [("Content-Type", "text/html; charset=utf-8")],
                protocol="HTTP/1.1",
            )
            writer.write_record(
                writer.create_warc_record(
                    f"http://www.site{number % 4}.org/{number}",
                    "response",
                    payload=io.BytesIO(page(number).encode()),
                    http_headers=head,
                    warc_headers_dict={"WARC-Date": "2024-05-06T07:08:09Z"},
                )
            )
    return path


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    """Three files: two gzipped, the second of them cut, and a plain one."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    write_warc(folder / "a.warc.gz", range(0, 10))
    cut = write_warc(folder / "b.warc.gz", range(10, 20))
    cut.write_bytes(cut.read_bytes()[:-50])
    write_warc(folder / "c.warc", range(20, 26))
    return folder


def rows(folder: Path) -> list[dict]:
    table = read_pair_set(str(folder)).to_table().sort_by("row_id")
    return table.to_pylist()


def mine(*args: object) -> int:
    return main([*map(str, args), "--quiet"])


def test_a_whole_run(crawl, tmp_path):
    out = tmp_path / "out"
    assert mine("--input", crawl / "*", "--output", out, "--keep-rejects", "--workers", 1) == 0
    manifest = read_manifest(str(out))
    ledger = Ledger.from_json(manifest.ledger)
    record = ledger.stages["record"]
    assert (record.read, record.kept) == (29, 19)
    assert record.dropped == {"not_a_page": 3, "http_status": 6}
    assert record.failed == {"truncated": 1}
    assert ledger.stages["pair"].kept == 19 * 3 == len(rows(out))
    footers = sum(pq.ParquetFile(out / f.path).metadata.num_rows for f in manifest.files if f.folder == "data")
    assert footers == 57
    assert verify([str(out)]) == 0
    golden = next(row for row in rows(out) if row["provenance"]["url"] == "http://www.site1.org/1")
    assert golden["anchor"].startswith("The miller of village 1 opens")
    assert (golden["group"], golden["language"], golden["kind"]) == ("site1.org", "en", "neighbor_text")


def test_the_same_input_gives_the_same_set_for_ever(crawl, tmp_path):
    out = tmp_path / "out"
    assert mine("--input", crawl / "c.warc", "--output", out) == 0
    assert read_manifest(str(out)).data_id == "c80362c92662fc9a273cb576e742b81d"


def test_records_are_counted_as_warcio_counts_them(crawl, tmp_path):
    expected = 0
    for path in (crawl / "a.warc.gz", crawl / "c.warc"):
        with path.open("rb") as file:
            expected += sum(1 for _ in ArchiveIterator(file))
    out = tmp_path / "out"
    assert mine("--input", crawl / "a*", crawl / "c*", "--output", out) == 0
    assert read_manifest(str(out)).ledger["stages"]["record"]["read"] == expected


def test_two_workers_give_the_same_rows_as_one(crawl, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert mine("--input", crawl / "*", "--output", one, "--workers", 1) == 0
    assert mine("--input", crawl / "c*", crawl / "b*", crawl / "a*", "--output", two, "--workers", 2) == 0
    assert rows(one) == rows(two)
    assert read_manifest(str(one)).data_id == read_manifest(str(two)).data_id


def test_flags_go_before_the_recipe(crawl, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("min_tokens: 60\nlanguages: [de]\n")
    out = tmp_path / "out"
    args = ("--input", crawl / "a*", "--output", out, "--recipe", recipe)
    assert mine(*args, "--languages", "en", "--passage-tokens", 40, 90, "--source", "mills") == 0
    manifest = read_manifest(str(out))
    config = manifest.config
    assert (config["min_tokens"], config["max_tokens"], config["languages"]) == (40, 90, ["en"])
    assert {row["source"] for row in rows(out)} == {"mills"}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--languages", "english"], "no language"),
        (["--honor-robots", "noia"], "no robots directive 'noia'"),
        (["--blocklist", "gone.txt"], "gone.txt cannot be read"),
        (["--passage-tokens", "9", "3"], "32 256"),
        (["--passage-tokens", "9"], "passage-tokens"),
        (["--pasage-tokens", "9", "12"], "did you mean --passage-tokens"),
    ],
)
def test_a_users_mistake_is_one_sentence(crawl, tmp_path, capsys, flags, told):
    assert mine("--input", crawl / "a*", "--output", tmp_path / "out", *flags) == 2
    assert told in capsys.readouterr().err


def test_an_input_without_pages_is_an_empty_set(tmp_path):
    (tmp_path / "empty.warc").write_bytes(b"")
    (tmp_path / "other.warc.gz").write_bytes(b"no archive at all")
    out = tmp_path / "out"
    assert mine("--input", tmp_path / "*.warc*", "--output", out) == 0
    manifest = read_manifest(str(out))
    assert manifest.ledger["stages"]["record"]["failed"] == {"unreadable_file": 1}
    assert json.loads((out / "manifest.json").read_text())


def test_a_blocklist_keeps_hosts_out_and_is_part_of_the_settings(crawl, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("# not these\nsite1.org\nwww.site2.org/2\n")
    out = tmp_path / "out"
    args = ("--input", crawl / "a*", "--output", out, "--blocklist", blocked, "--workers", 1)
    assert mine(*args) == 0
    manifest = read_manifest(str(out))
    assert manifest.ledger["stages"]["record"]["dropped"]["blocklisted"] == 4  # pages 1, 5 and 9; 2, and not 6
    assert {row["group"] for row in rows(out)} == {"site0.org", "site2.org", "site3.org"}
    assert manifest.config["blocklist"]["path"] == str(blocked)
    (out / "manifest.json").unlink()
    blocked.write_text("site1.org\n")
    assert mine(*args, "--resume") == 2


def test_robots_are_honoured_where_it_is_asked_for(tmp_path):
    with (tmp_path / "a.warc").open("wb") as file:
        writer = WARCWriter(file, gzip=False)
        for number, tag in enumerate(("noindex", "noai, nofollow", "otherbot: noai", "all")):
            head = StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html"), ("X-Robots-Tag", tag)], protocol="HTTP/1.1"
            )
            payload = io.BytesIO(page(number).encode())
            writer.write_record(
                writer.create_warc_record(f"http://a.org/{number}", "response", payload=payload, http_headers=head)
            )
    dropped = []
    for flags in ((), ("--honor-robots", "noai"), ("--honor-robots", "noindex,noai")):
        out = tmp_path / f"out{len(dropped)}"
        assert mine("--input", tmp_path / "a.warc", "--output", out, *flags) == 0
        dropped.append(read_manifest(str(out)).ledger["stages"]["record"]["dropped"])
    assert dropped == [{}, {"robots": 1}, {"robots": 2}]


def test_ranges_of_a_file_give_the_files_rows(crawl):
    path = crawl / "b.warc.gz"
    (info,) = storage.describe([str(path)])

    def rows_of(units: list[Unit]) -> tuple[list[str], dict]:
        ledger, found = Ledger("mine-web"), []
        for unit in units:
            found += [item.row_id for item in WebMiner(WebConfig()).mine(unit, ledger) if hasattr(item, "row_id")]
        return found, ledger.to_json()["stages"]

    ranges = make_units([info], range_bytes=700)
    assert len(ranges) > 3
    assert rows_of(ranges) == rows_of(make_units([info]))


def test_input_on_another_file_system_gives_the_same_rows(crawl, tmp_path, strict_storage):
    folder = strict_storage("crawl")
    for path in crawl.iterdir():
        with storage.open_write(f"{folder}/{path.name}") as file:
            file.write(path.read_bytes())
    assert mine("--input", crawl / "*", "--output", tmp_path / "here") == 0
    assert mine("--input", f"{folder}/*.warc*", "--output", tmp_path / "there") == 0
    (tmp_path / "list").write_text("a.warc.gz\nb.warc.gz\nc.warc\n")
    assert mine("--crawl-paths", tmp_path / "list", "--base-url", folder, "--output", tmp_path / "listed") == 0
    ids = {read_manifest(str(tmp_path / name)).data_id for name in ("here", "there", "listed")}
    assert len(ids) == 1


def test_a_file_that_cannot_be_opened_costs_itself(tmp_path):
    ledger = Ledger("mine-web")
    (reject,) = WebMiner(WebConfig()).mine(Unit("0", str(tmp_path / "gone.warc"), 1), ledger)
    assert (reject.stage, reject.reason) == ("record", "unreadable_file")
    assert ledger.stages["record"].failed == {"unreadable_file": 1}
    ledger.check()
