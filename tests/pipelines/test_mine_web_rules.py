"""The flags and recipe keys of mine-web's rules, from the command line to the manifest."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from miners.web import WebConfig
from pipelines.mine_web import main, make_config, plain_config
from schemas import read_manifest, read_pair_set

TEXT = (
    "On day {} the miller of village {} opens the sluice at dawn, and wheel {} begins to turn.",
    "Sack {} of grain from farm {} is carried up flight {} of the stairs, where the stones have to stand.",
    "Those who want flour number {} write to baker{}@mill.org, in ward {} of the town, before noon.",
)


def web_page(number: int) -> str:
    parts = [
        " ".join(text.format(number * 100 + part * 10 + i, part * 7 + i, number + part) for i, text in enumerate(TEXT))
        for part in range(6)
    ]
    if number == 3:
        parts.append("All of the settings of this mill are kept in { curly brackets } by its owner, as in code.")
    body = "".join(f"<p>{part}</p>" for part in parts)
    return f"<!doctype html><title>Diary of mill {number}</title><main><h2>Of the wheel</h2>{body}</main>"


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    folder = tmp_path / "crawl"
    folder.mkdir()
    for part in range(2):
        with (folder / f"{part}.warc.gz").open("wb") as out:
            writer = WARCWriter(out, gzip=True)
            for number in range(4 * part, 4 * part + 4):
                head = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
                body = io.BytesIO(web_page(number).encode())
                url = f"https://mill{number % 2}.org/{number}"
                writer.write_record(writer.create_warc_record(url, "response", payload=body, http_headers=head))
    return folder


def mine(crawl: Path, out: Path, *flags: str) -> int:
    return main(["--input", str(crawl / "*"), "--output", str(out), "--quiet", *flags])


def test_rules_redaction_kinds_and_caps(crawl, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("rules: [fineweb]\ngopher_min_words: 60\ngopher_max_repeated_ngrams: [1, 1, 1, 1, 1, 1]\n")
    flags = ["--recipe", str(recipe), "--rules", "gopher_words,c4_curly_bracket", "--redact", "emails", "--seed", "5"]
    flags += ["--kinds", "neighbor_text,heading_section", "--max-pairs-per-page", "3", "--max-pairs-per-domain", "8"]
    assert mine(crawl, tmp_path / "one", *flags, "--workers", "1") == 0
    manifest = read_manifest(str(tmp_path / "one"))
    assert manifest.config["rules"] == ["gopher_words", "c4_curly_bracket"]
    assert manifest.config["gopher_min_words"] == 60
    assert manifest.ledger["stages"]["page"]["dropped"] == {"c4_curly_bracket": 1}
    assert manifest.ledger["stages"]["pair"]["dropped"] == {"page_cap": 7 * 3}
    assert manifest.ledger["notes"]["redacted_emails"] == 7 * 6
    rows = read_pair_set(tmp_path / "one").to_table().to_pylist()
    assert len(rows) == 7 * 3
    assert all("<EMAIL>" in row["positive"] and "@" not in row["positive"] for row in rows)
    assert {quality["name"] for row in rows for quality in row["signals"]["quality"]} == {
        "page_words",
        "page_letter_words",
    }
    assert mine(crawl, tmp_path / "two", *flags, "--workers", "2") == 0
    assert read_manifest(str(tmp_path / "two")).data_id == manifest.data_id


def test_the_manifests_settings_make_the_config_again():
    config = WebConfig(rules=("gopher_words",), languages=("en",), max_pairs_per_page=4, seed=9)
    assert make_config(plain_config(config)) == config
    assert make_config({**plain_config(config), "units": "x", "source": None}) == config


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--rules", "gofer"], "did you mean gopher"),
        (["--redact", "names"], "some of emails, phones, ips, secrets"),
        (["--kinds", "body"], "neighbor_text, title_body, heading_section"),
        (["--max-pairs-per-page", "-2"], "max_pairs_per_page"),
    ],
)
def test_a_users_mistake_is_one_sentence(crawl, tmp_path, capsys, flags, told):
    assert mine(crawl, tmp_path / "out", *flags) == 2
    printed = capsys.readouterr().err
    assert told in printed and printed.count("\n") == 1


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("gopher_min_word: 3\n", "did you mean gopher_min_words"),
        ("gopher_max_top_ngrams: [0.2]\n", "needs 3 shares"),
        ("rules: gopher\n", "rules must be of type list"),
        ("phone_region: Germany\n", "such as DE"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(crawl, tmp_path, capsys, recipe, told):
    (tmp_path / "recipe.yaml").write_text(recipe)
    assert mine(crawl, tmp_path / "out", "--recipe", str(tmp_path / "recipe.yaml")) == 2
    printed = capsys.readouterr().err
    assert told in printed and printed.count("\n") == 1
