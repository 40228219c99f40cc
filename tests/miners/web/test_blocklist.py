from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.web.blocklist import Blocklist

LIST = """
# adult and spam
Example.org
*.shop.example   # trailing
.dotted.example
0.0.0.0 tracker.example ads.example
127.0.0.1\tpixel.example
http://scheme.example/
host.example/forum/
host.example/page.php?id=3
192.0.2.7
bücher.example
"""


@pytest.mark.parametrize(
    ("url", "blocked"),
    [
        ("https://example.org/", True),
        ("http://www.EXAMPLE.org:8080/a?b", True),
        ("http://user@a.b.example.org./", True),
        ("http://notexample.org/", False),
        ("http://example.org.evil.example/", False),
        ("http://x.shop.example/", True),
        ("http://dotted.example/", True),
        ("http://tracker.example/", True),
        ("http://ads.example/", True),
        ("http://pixel.example/", True),
        ("http://sub.scheme.example/a", True),
        ("http://host.example/", False),
        ("http://host.example/forum", True),
        ("http://www.host.example/forum/thread/1?x=1", True),
        ("http://host.example/forums", False),
        ("http://other.host.example/forum", False),
        ("http://host.example/page.php?id=3", True),
        ("http://host.example/page.php?id=33", False),
        ("http://192.0.2.7/x", True),
        ("http://192.0.2.70/x", False),
        ("http://xn--bcher-kva.example/", True),
        ("mailto:a@example.org", False),
        ("http://[bad/", False),
        ("", False),
    ],
)
def test_what_a_list_blocks(url, blocked):
    assert Blocklist.parse(LIST.splitlines()).blocks(url) is blocked


def test_an_empty_list_blocks_nothing():
    assert not Blocklist.parse(["", "# nothing"]).blocks("http://example.org/")


@pytest.mark.parametrize("line", ["||example.org^", "two words", "http://", "http://[bad/", "1.2.3.4 example.org"])
def test_a_line_that_names_no_host_is_refused_with_its_number(line):
    with pytest.raises(ValueError, match="line 2 of the blocklist"):
        Blocklist.parse(["example.org", line])


@given(st.text(max_size=40))
def test_any_url_is_answered(text):
    blocklist = Blocklist.parse(["example.org"])
    blocklist.blocks(text)
    assert not blocklist.blocks(f"http://safe.example/{text}")
