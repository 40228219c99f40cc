from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web.privacy import KINDS, PrivacyConfig, findings, redact

TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"


def clean(text: str, **config) -> str:
    return "\n".join(redact(text.split("\n"), PrivacyConfig(**config))[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to max.muster+x@post.example.org, please.", "Write to <EMAIL>, please."),
        ("<a@b.de>;c_d@e-f.co.uk", "<<EMAIL>>;<EMAIL>"),
        ("Ring +49 (0)40 890 85-433 or +1 202-628-8500.", "Ring <PHONE> or <PHONE>."),
        ("The host 203.0.114.9 answered 8.8.8.8 from 10.0.0.1 and 192.168.1.77", None),
        ("seen from 93.184.215.14:8080 at noon", "seen from <IP_ADDRESS>:8080 at noon"),
        ("route to 2606:4700:4700::1111 is up", "route to <IP_ADDRESS> is up"),
        (f"clone with {TOKEN} then", "clone with <SECRET:GitHubTokenDetector> then"),
        ("https://user:hunter2@example.org/x", "https://user:<SECRET:BasicAuthDetector>@example.org/x"),
    ],
)
def test_each_kind_has_its_placeholder(text, expected):
    if expected is None:
        expected = text.replace("203.0.114.9", "<IP_ADDRESS>")
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "See section 8.2.4.3. of the manual, version 10.0.19041.1 or 1.2.3.4.5.",
        "127.0.0.1 and ::1 and 192.168.100.200 and fe80::1 are of this house.",
        "At 10:30:12 on 2021-04-05 it rained; add a@ and @b and 2+2=4.",
        "ISBN 978-3-16-148410-0 costs 1 234 567 crowns.",
        "2001:12:31 is no address",
        "",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert clean(text) == text


def test_numbers_of_a_region_are_found_on_request():
    text = "Signal: 347-966-3806. Results: 5027 6 3 19 24"
    assert clean(text) == text
    assert clean(text, phone_region="US") == "Signal: <PHONE>. Results: 5027 6 3 19 24"


def test_only_what_is_asked_for_is_replaced_and_all_of_it_is_counted():
    lines = ["a@b.org and c@d.org", "+49 40 89085433", f"{TOKEN}"]
    assert redact(lines, PrivacyConfig(redact=("phones",))) == ([lines[0], "<PHONE>", TOKEN], {"phones": 1})
    assert redact(lines, PrivacyConfig())[1] == {"emails": 2, "phones": 1, "secrets": 1}
    assert redact(lines, PrivacyConfig(redact=())) == (lines, {})


@pytest.mark.parametrize(
    ("config", "told"), [({"redact": ("names",)}, "emails"), ({"phone_region": "XX"}, "no region")]
)
def test_unknown_kinds_and_regions_are_refused(config, told):
    with pytest.raises(ValueError, match=told):
        PrivacyConfig(**config)


def test_a_private_key_over_several_lines_leaves_as_many_lines():
    key = [
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2,
        "Bk" * 32,
        "-----END PRIVATE KEY-----",
    ]
    lines, counts = redact(["before", *key, "after"], PrivacyConfig())
    assert lines == ["before", *["<SECRET:PrivateKeyDetector>"] * 4, "after"]
    assert counts == {"secrets": 1}


PIECES = st.sampled_from(
    ["a.b@c.org", "+49 40 89085433", "93.184.215.14", TOKEN, "@", "+", "1.2", "::", "Öl", "水", " ", "-" * 5, "2606:"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(PIECES | st.text("abc@.+:0123456789 ", max_size=12), max_size=6).map("".join), max_size=6))
def test_a_line_stays_a_line_and_redaction_leaves_nothing(lines):
    redacted, counts = redact(lines, PrivacyConfig())
    assert len(redacted) == len(lines)
    assert set(counts) <= set(KINDS)
    found = findings("\n".join(lines), PrivacyConfig())
    assert sum(counts.values()) == len(found)
    for line, now in zip(lines, redacted, strict=True):
        assert line == now or "<" in now


@pytest.mark.parametrize("text", ["a@" * 50_000, "1." * 60_000, "+1 " * 40_000, "2000:" * 40_000, "a.a" * 40_000 + "@"])
def test_hostile_lines_end(text):
    findings(text, PrivacyConfig())
