from pipelines.explain import main
from schemas import read_pair_set


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
