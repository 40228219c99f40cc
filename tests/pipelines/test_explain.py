import pyarrow.parquet as pq

from pipelines import dedupe
from pipelines.explain import main
from schemas import read_pair_set
from schemas.pair import Provenance, make_pair


def test_a_kept_row_is_shown_with_its_origin(make_pair_set, capsys):
    folder = make_pair_set(5)
    row = read_pair_set(folder).to_table().to_pylist()[3]
    assert main([str(folder), row["row_id"][:10]]) == 0
    shown = capsys.readouterr().out
    assert "kept in train" in shown and row["row_id"] in shown
    assert f"path: {row['provenance']['path']}" in shown
    assert all(line in shown for line in row["positive"].splitlines())


def test_unknown_rows_and_folders_are_one_sentence(make_pair_set, tmp_path, capsys):
    folder = make_pair_set(5)
    for arguments, sentence in [
        ((str(folder), "0" * 32), "knows no row"),
        ((str(folder), "zz"), "is no row"),
        ((str(tmp_path), "0" * 32), "no finished pair set"),
    ]:
        assert main(list(arguments)) == 2
        printed = capsys.readouterr().err
        assert sentence in printed and printed.count("\n") == 1


def test_a_removed_row_is_shown_beside_the_one_that_was_kept(make_pair_set, tmp_path, capsys):
    words = [f"word{i}" for i in range(60)]
    near = [*words[:30], "other", *words[31:]]
    texts = (" ".join(words), " ".join(near), "quite another text of its own that stays")
    pairs = [
        make_pair(
            kind="neighbor_text",
            language="en",
            anchor="the same anchor",
            positive=text,
            place=("file", i),
            group="a.org",
            provenance=Provenance(),
        )
        for i, text in enumerate(texts)
    ]
    given, out = make_pair_set(pairs), tmp_path / "out"
    flags = ["--validation-share", "0", "--test-share", "0", "--quiet"]
    assert dedupe.main(["--input", str(given), "--output", str(out), *flags]) == 0
    kept = {row["row_id"] for row in read_pair_set(str(out)).to_table().to_pylist()}
    (removed,) = (pair for pair in pairs if pair.row_id not in kept)
    capsys.readouterr()

    assert main([str(out), removed.row_id]) == 0
    shown = capsys.readouterr().out
    assert "near_duplicate" in shown and "give what the set was made of" in shown

    assert main([str(out), removed.row_id, "--input", str(given)]) == 0
    shown = capsys.readouterr().out
    mine, theirs = ("word30", "other") if removed.positive == texts[0] else ("other", "word30")
    assert f"[-{mine}-]" in shown and f"{{+{theirs}+}}" in shown and "anchor: the same in both" in shown

    assert main([str(out), removed.row_id, "--input", str(tmp_path / "nothing")]) == 2
    assert "nothing is no finished pair set" in capsys.readouterr().err


def test_a_removed_row_of_a_plain_table_is_found(tmp_path, capsys):
    table = tmp_path / "pairs.jsonl"
    table.write_text('{"anchor": "a short one", "positive": "the text of it"}\n' * 2)
    out = tmp_path / "out"
    flags = ["--validation-share", "0", "--test-share", "0", "--quiet"]
    assert dedupe.main(["--input", str(table), "--output", str(out), *flags]) == 0
    evidence = pq.read_table(next((out / "evidence").glob("*"))).to_pylist()
    capsys.readouterr()
    assert main([str(out), evidence[0]["removed_row_id"], "--input", str(table)]) == 0
    assert "positive: the same in both" in capsys.readouterr().out
