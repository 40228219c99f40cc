"""Makes small pair sets with whatever version of pairmill lies in the working folder: `python make_sets.py OUTPUT`.

In: that version's own documents, as pages of a WARC, and its package `schemas`, as a repository. Out: OUTPUT/web,
OUTPUT/code (as mined) and OUTPUT/pairs (deduplicated and split, with evidence, rejects and signatures). The README.md
beside each version's sets says for which commit.
"""

from __future__ import annotations

import html
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.getcwd())

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines import dedupe, mine_code, mine_web

DOCUMENTS = ("README.md", "docs/pair-set.md", "docs/running.md")
MODULES = ("ids.py", "split.py", "data_id.py", "side_hash.py", "ledger.py", "manifest.py", "token_cache.py")


def write_crawl(path: Path) -> None:
    """The paragraphs of each document as a page; the first one twice, so that dedupe has something to do."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for number, name in enumerate((*DOCUMENTS, DOCUMENTS[0])):
            paragraphs = [text for text in Path(name).read_text(encoding="utf-8").split("\n\n") if text[:1].isalpha()]
            body = "".join(f"<p>{html.escape(' '.join(text.split()))}</p>" for text in paragraphs)
            head = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            record = writer.create_warc_record(
                f"https://www.site{number}.example/{name}",
                "response",
                payload=io.BytesIO(f"<!doctype html><html><body><main>{body}</main></body></html>".encode()),
                http_headers=head,
                warc_headers_dict={"WARC-Date": "2024-05-06T07:08:09Z"},
            )
            writer.write_record(record)


def main(output: Path) -> None:
    """Mine and deduplicate; stops at the first command that does not end well."""
    folder = Path(tempfile.mkdtemp())
    write_crawl(folder / "pages.warc.gz")
    repository = folder / "owner-schemas"
    repository.mkdir()
    shutil.copy("LICENSE", repository)
    for name in MODULES:
        shutil.copy(Path("schemas", name), repository)
    (folder / "recipe.yaml").write_text("permutations: 32\nsplit_key: four\n")
    os.chdir(folder)  # so that no row names a folder of this machine
    for name, job, given in (("web", mine_web, "pages.warc.gz"), ("code", mine_code, "owner-schemas")):
        run(job, "--input", given, "--output", str(output / name))
    shares = ("--validation-share", "0.25", "--test-share", "0.25", "--recipe", "recipe.yaml")
    sets = (str(output / "web"), str(output / "code"))
    run(dedupe, "--input", *sets, "--output", str(output / "pairs"), "--keep-rejects", "--shards", "3", *shares)
    shutil.rmtree(folder)


def run(job: object, *arguments: str) -> None:
    """One command."""
    status = job.main([*arguments, "--quiet"])
    if status:
        raise SystemExit(f"{job.__name__} ended with {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
