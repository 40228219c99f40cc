import pytest

from miners.takedown import read_takedown

ID = "0123456789abcdef" * 2


def lines(*lists):
    return read_takedown([(kind, f"{kind}.txt", text) for kind, text in lists])


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://example.org/a?b=1&c=2", [0]),
        ("https://EXAMPLE.org:443/a?c=2&b=1&utm_source=x#top", [0]),
        ("https://user@example.org./a?b=1&c=2", [0]),
        ("https://www.example.org/a?b=1&c=2", []),  # another page may live there
        ("https://example.org/a", []),
        ("http://shop.example.net:8080/x", [1]),
        ("https://example.net", [1]),
        ("https://notexample.net/", []),
        ("https://xn--mnchen-3ya.example/1", [2]),
        ("http://192.0.2.7/x", [3]),
        ("http://8.192.0.2.7/x", []),
        (None, []),
        ("", []),
        ("http://[", []),
    ],
)
def test_urls_are_compared_as_the_miners_do(url, found):
    page = "\ufeffhttps://example.org/a?c=2&b=1#x\n# note\n\n"
    hosts = "domain *.example.net  # all\ndomain münchen.example\ndomain 192.0.2.7"
    assert lines(("url", page + hosts)).by_url(url) == found


@pytest.mark.parametrize(
    ("repo", "found"),
    [
        ("owner/name", [0]),
        ("Owner/Name", [0]),
        ("https://forge.example/owner/name.git", [0]),
        ("group/sub/name", []),
        ("name", []),
        ("other/tool", [1]),
        ("git@forge.example:other/tool.git", [1]),
        ("requests", [2]),
        (None, []),
    ],
)
def test_repositories_in_every_spelling(repo, found):
    assert lines(("repo", "Owner/name\nhttps://forge.example/other/tool.git\nrequests")).by_repo(repo) == found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("GPL-3.0-only", [0]),
        ("GPL-3.0-only AND MIT", [0]),
        ("GPL-3.0-only WITH Classpath-exception-2.0", [0]),
        ("MIT OR GPL-3.0-only", []),  # it can be had under MIT
        ("GPL-3.0-or-later", []),
        ("Apache-2.0 OR ISC", [2]),
        ("ISC OR BSD-2-Clause", []),
        (None, [1]),
    ],
)
def test_a_row_goes_when_nothing_is_left_of_its_license(expression, found):
    assert lines(("license", "gpl-3\nNOASSERTION\nApache-2.0 OR ISC")).by_license(expression) == found


def test_either_id_names_a_row():
    asked = lines(("id", f"{ID.upper()}\n{ID}"))
    assert asked.by_id(ID, "f" * 32) == asked.by_id("f" * 32, ID) == [0]
    assert asked.by_id("f" * 32, "e" * 32) == []
    assert [line.where for line in asked.asked] == ["id.txt, line 1"]  # said twice, asked once


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("id", f"{ID}\n{ID[1:]}", "id.txt, line 2.*32 hexadecimal digits"),
        ("id", "g" * 32, "line 1"),
        ("url", "example.org/a", "line 1.*the whole address"),
        ("url", "domain", "domain example.org"),
        ("url", "domain a b", "no host"),
        ("repo", "owner name", "owner/name"),
        ("license", "my own", "SPDX"),
        ("license", "# nothing\n\n", "names nothing"),
        ("url", "", "names nothing"),
    ],
)
def test_a_line_that_is_none_of_its_kind_is_named(kind, text, told):
    with pytest.raises(ValueError, match=told):
        lines((kind, text))
