import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.code.permalinks import permalinks

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/owner/name.git", f"https://github.com/owner/name/blob/{COMMIT}/a/b%20c.py#L3-L9"),
        ("git@github.com:owner/name.git", f"https://github.com/owner/name/blob/{COMMIT}/a/b%20c.py#L3-L9"),
        ("https://me:s3cret@github.com/owner/name", f"https://github.com/owner/name/blob/{COMMIT}/a/b%20c.py#L3-L9"),
        ("ssh://git@gitlab.com:22/g/sub/name.git/", f"https://gitlab.com/g/sub/name/-/blob/{COMMIT}/a/b%20c.py#L3-9"),
        ("https://salsa.debian.org/t/n", f"https://salsa.debian.org/t/n/-/blob/{COMMIT}/a/b%20c.py#L3-9"),
        ("https://bitbucket.org/o/n", f"https://bitbucket.org/o/n/src/{COMMIT}/a/b%20c.py#lines-3:9"),
        ("https://codeberg.org/o/n.git", f"https://codeberg.org/o/n/src/commit/{COMMIT}/a/b%20c.py#L3-L9"),
        ("https://git.sr.ht/~o/n", f"https://git.sr.ht/~o/n/tree/{COMMIT}/item/a/b%20c.py#L3-9"),
        ("https://go.googlesource.com/tools", f"https://go.googlesource.com/tools/+/{COMMIT}/a/b%20c.py#3"),
        ("https://example.org/o/n.git", None),
        ("https://github.com/owner", None),
        ("file:///srv/github.com/o/n", None),
        ("/srv/repositories/n.git", None),
        ("https://[broken", None),
        ("", None),
        (None, None),
    ],
)
def test_each_forge_has_its_form(remote, expected):
    links = permalinks(remote, COMMIT)
    assert (links.lines("a/b c.py", 3, 9) if links else None) == expected


@pytest.mark.parametrize("revision", ["main", "v1.0", "0123456", None, ""])
def test_only_a_commit_is_permanent(revision):
    assert permalinks("https://github.com/o/n", revision) is None


@given(st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_any_remote_and_path_give_a_link_of_plain_characters_or_none(remote, path):
    for text in (remote, f"https://u:secret@github.com/{remote}"):
        links = permalinks(text, COMMIT)
        if links:
            link = links.lines(path, 1, 2)
            assert link.isascii() and link.startswith("https://") and "secret@" not in link and " " not in link
