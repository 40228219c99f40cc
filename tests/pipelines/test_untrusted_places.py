"""Lists of crawl files and servers name places: none outside of where the user sent the job."""

from pathlib import Path

import pytest

from pipelines import mine_web
from pipelines.crawl_paths import crawl_files
from pipelines.http_files import Transfer, open_url
from pipelines.options import UsageError
from schemas.pair_set import read_manifest

QUICK = Transfer(attempts=1, timeout=2.0, backoff=0.01)


@pytest.mark.parametrize(
    "line",
    [
        "../secret.warc",
        "a/../../secret.warc",
        "..\\secret.warc",
        "file:///etc/passwd",
        "strict://etc/passwd",
        "hdfs://host/secret.warc",
        "a\0b.warc",
    ],
)
def test_a_list_that_leads_out_is_refused(line, tmp_path, capsys):
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    (tmp_path / "secret.warc").write_bytes(b"WARC/1.0\r\n")
    (tmp_path / "paths").write_text(f"a.warc\n{line}\n")
    flags = ["--crawl-paths", str(tmp_path / "paths"), "--base-url", str(crawl), "--output", str(tmp_path / "out")]
    assert mine_web.main([*flags, "--quiet"]) == 2
    assert "leads out of what --base-url names" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_absolute_paths_lie_below_the_base_and_dots_in_names_are_names(tmp_path):
    found = crawl_files(["/etc/passwd", "a..b/c...warc"], str(tmp_path))
    assert {Path(info.path).relative_to(tmp_path).as_posix() for info in found} == {"etc/passwd", "a..b/c...warc"}
    bucket = crawl_files(["http://127.0.0.1:9/x"] * 1001, "s3://bucket")  # so many are not asked for
    assert bucket[0].path == "http://127.0.0.1:9/x"
    with pytest.raises(UsageError, match="leads out"):
        crawl_files(["s3://bucket-of-another/x"], "s3://bucket")


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "/../../etc/passwd"]
)
def test_a_redirect_leads_to_http_alone(target, crawl_server):
    crawl_server.behave["a.warc"] = [f"to {target}"]
    crawl_server.files["a.warc"] = b""
    with pytest.raises(OSError):
        open_url(f"{crawl_server.url}/a.warc", QUICK)


def test_a_whole_job_counts_such_a_redirect_as_a_file_that_cannot_be_read(crawl_server, tmp_path):
    crawl_server.behave["a.warc"] = [f"to file://{tmp_path}/secret.warc"]
    crawl_server.files["a.warc"] = b""
    (tmp_path / "secret.warc").write_bytes(b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n")
    flags = ["--input", f"{crawl_server.url}/a.warc", "--http-attempts", "1", "--http-timeout", "2"]
    assert mine_web.main([*flags, "--output", str(tmp_path / "out"), "--quiet", "--workers", "1"]) == 0
    stages = read_manifest(str(tmp_path / "out")).ledger["stages"]
    assert stages["record"]["failed"] == {"unreadable_file": 1} and stages["record"]["read"] == 1
