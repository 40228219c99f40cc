"""A web row is read again from its file and held against the set."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from backports import zstd
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines.dedupe import main as dedupe
from pipelines.explain import main
from pipelines.mine_web import main as mine_web
from schemas import read_pair_set

SENTENCES = (
    "The miller of village {} opens the sluice at dawn, and the wheel begins to turn under the weight of the water.",
    "Grain number {} is carried up two flights of stairs in sacks, because the stones stand on the upper floor.",
    "Those who want farm {0}'s flour may write to baker{0}@mill.org, or ring +49 40 89085433 on any day but Sunday.",
)


def web_page(number: int) -> str:
    body = "".join(
        f"<p>{' '.join(sentence.format(10 * number + part) for sentence in SENTENCES)}</p>" for part in range(3)
    )
    return f"<!doctype html><html><head><title>Mill {number}</title></head><body><main>{body}</main></body></html>"


def write_warc(path: Path, pages: Sequence[str]) -> None:
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=path.suffix == ".gz")
        for number, page in enumerate(pages):
            head = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            url = f"https://www.mill.org/{number}"
            record = writer.create_warc_record(url, "response", payload=io.BytesIO(page.encode()), http_headers=head)
            writer.write_record(record)


@pytest.fixture(params=["mills.warc.gz", "mills.warc", "mills.warc.zst"])
def mined(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A WARC file of four pages, and the set that was mined from it."""
    path = tmp_path / request.param
    pages = [web_page(number) for number in range(4)]
    if path.suffix == ".zst":
        write_warc(tmp_path / "plain.warc", pages)
        path.write_bytes(zstd.compress((tmp_path / "plain.warc").read_bytes()))
    else:
        write_warc(path, pages)
    flags = ["--kinds", "neighbor_text,title_body", "--max-pairs-per-page", "2", "--quiet", "--workers", "1"]
    assert mine_web(["--input", str(path), "--output", str(tmp_path / "set"), *flags]) == 0
    return path, tmp_path / "set"


def explained(folder: Path, row: dict, capsys, *flags: str) -> str:
    assert main([str(folder), row["row_id"], *flags]) == 0
    return capsys.readouterr().out


def test_a_web_row_is_read_again_and_found_the_same(mined, capsys):
    _, folder = mined
    rows = read_pair_set(folder).to_table().to_pylist()
    assert len(rows) == 8 and {row["kind"] for row in rows} == {"neighbor_text", "title_body"}
    for row in rows:
        assert "<EMAIL>, or ring <PHONE> on" in row["positive"]
        assert "the same text" in explained(folder, row, capsys)


def test_what_differs_in_a_changed_file_is_said(tmp_path, capsys):
    path, folder = tmp_path / "mills.warc", tmp_path / "set"
    write_warc(path, [web_page(number) for number in range(4)])
    assert mine_web(["--input", str(path), "--output", str(folder), "--quiet", "--workers", "1"]) == 0
    row = next(
        row
        for row in read_pair_set(folder).to_table().to_pylist()
        if row["provenance"]["url"].endswith("/1") and row["provenance"]["ordinal"] == 0
    )
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"village 11 opens", b"village 11 shuts"))
    told = explained(folder, row, capsys)
    assert "DIFFERS" in told and "the positive differs from character 25 on" in told and "11 shuts the" in told
    path.write_bytes(whole.replace(b"text/html", b"text/none"))
    assert "its record is refused as not_html" in explained(folder, row, capsys)
    path.write_bytes(whole.replace(b"mill.org/1\r", b"mill.org/7\r"))
    assert "the same text, of a page that is now https://www.mill.org/7" in explained(folder, row, capsys)
    moved = whole.replace(b"mill.org/1\r", b"mill.org/7\r").replace(b"village 11 opens", b"village 11 shuts")
    path.write_bytes(moved)
    assert "the record there is now of https://www.mill.org/7" in explained(folder, row, capsys)
    path.write_bytes(b"WARC/1.0\r\n" + whole)
    assert f"no sound record begins at byte {row['provenance']['offset']:,}" in explained(folder, row, capsys)
    path.unlink()
    assert "not compared with its source" in explained(folder, row, capsys)


def test_a_row_of_a_later_set_is_mined_by_the_settings_of_the_first(tmp_path, capsys):
    path, folder, clean = tmp_path / "mills.warc.gz", tmp_path / "set", tmp_path / "clean"
    write_warc(path, [web_page(number) for number in range(4)])
    flags = ["--redact", "emails", "--quiet", "--workers", "1"]
    assert mine_web(["--input", str(path), "--output", str(folder), *flags]) == 0
    assert dedupe(["--input", str(folder), "--output", str(clean), "--quiet", "--workers", "1"]) == 0
    row = read_pair_set(clean).to_table().to_pylist()[0]
    assert "give the set of mine-web" in explained(clean, row, capsys)
    assert "the same text" in explained(clean, row, capsys, "--input", str(folder))
