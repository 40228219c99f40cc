"""What a line of --repos may say, and what each wrong line is told."""

import pytest

from pipelines.clone_list import BASE_URL, RemoteRepository, read_clone_list
from pipelines.options import UsageError

SHA = "6f1ed002ab5595859014ebf0951522d96f1ed002"


def read(text, base_url=BASE_URL, protocols=("https", "ssh")):
    return read_clone_list(text, "list.txt", base_url, protocols)


@pytest.mark.parametrize(
    ("line", "url", "revision"),
    [
        ("owner/name", "https://github.com/owner/name", None),
        ("owner/name@v1.2", "https://github.com/owner/name", "v1.2"),
        (f"  owner/na.me-x\t{SHA}  # why", "https://github.com/owner/na.me-x", SHA),
        ("owner/name feature/x", "https://github.com/owner/name", "feature/x"),
        ("https://example.org/o/n.git", "https://example.org/o/n.git", None),
        (f"https://example.org/a/b/n.git@{SHA}", "https://example.org/a/b/n.git", SHA),
        ("git@example.org:o/n.git", "git@example.org:o/n.git", None),
        ("git@example.org:o/n.git@main", "git@example.org:o/n.git", "main"),
        ("ssh://git@example.org/o/n", "ssh://git@example.org/o/n", None),
    ],
)
def test_lines(line, url, revision):
    assert read(line) == [RemoteRepository(url, revision)]


def test_comments_blank_lines_and_repeats():
    text = "\ufeff# all of them\n\nowner/a\r\nowner/b # second\nowner/a\nowner/a@v1\n"
    found = read(text, "http://127.0.0.1:80", ("http",))
    assert found == [
        RemoteRepository("http://127.0.0.1:80/owner/a", None),
        RemoteRepository("http://127.0.0.1:80/owner/b", None),
        RemoteRepository("http://127.0.0.1:80/owner/a", "v1"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no repository"),
        ("# nothing\n", "names no repository"),
        ("owner/a\na b c\n", "line 2"),
        ("name\n", "neither a clone URL nor owner/name"),
        ("owner/name@feature/x\n", "second column"),
        ("/etc\n", "neither a clone URL"),
        ("--upload-pack=x/y\n", "neither|no revision|not allowed"),
        ("file:///etc\n", "--clone-protocols file"),
        ("http://example.org/o/n\n", "--clone-protocols http"),
        ("ext::sh -c\n", "neither a clone URL"),
        ("https://me:secret@example.org/o/n\n", "credentials"),
        ("https://token@example.org/o/n\n", "credentials"),
        ("owner/name -x\n", "no revision"),
        ("owner/name@\n", "no revision"),
    ],
)
def test_wrong_lines(text, said):
    with pytest.raises(UsageError, match=said) as raised:
        read(text)
    assert "secret" not in str(raised.value)
