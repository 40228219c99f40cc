"""Secrets are found where they stand; the samples are made here from parts, so that no scanner takes them for real."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import sysconfig
import uuid
from itertools import pairwise
from pathlib import Path

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.secrets import find_secrets, may_hold_secrets, redact
from miners.secrets.rules import keyword_rule, password_in_url_rule, token_rules
from miners.secrets.search import KEYWORD_ROOTS

LETTERS = string.ascii_letters + string.digits


def made(count: int, alphabet: str = LETTERS, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=count))


def web_token() -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": "miller", "n": 12})]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, made(32).encode()))


KEY_BODY = "\n".join(made(64, LETTERS + "+/", seed) for seed in range(5))
SECRETS = {
    "AWSKeyDetector": ("key id {} here", "AKIA" + made(16, string.ascii_uppercase + string.digits)),
    "ArtifactoryDetector": ('token="{}"', "AKC" + made(30)),
    "AzureStorageKeyDetector": ("Name=x;{};Suffix=y", "AccountKey=" + made(88)),
    "CloudantDetector": ("cloudant_password = {}", made(64, "0123456789abcdef")),
    "DiscordBotTokenDetector": ("run({})", "M" + made(24) + "." + made(6) + "." + made(27)),
    "GitHubTokenDetector": ("git clone with {} now", "ghp_" + made(36)),
    "GitLabTokenDetector": ("TOKEN: {} (old)", "glpat-" + made(20)),
    "IbmCloudIamDetector": ("ibm_cloud_api_key: {}", made(44)),
    "IbmCosHmacDetector": ("cos_hmac_secret_access_key = {}", made(48, "0123456789abcdef")),
    "JwtTokenDetector": ("Authorization: Bearer {}", web_token()),
    "MailchimpDetector": ("mailchimp {}", made(32, "0123456789abcdef") + "-us12"),
    "NpmDetector": ("//registry.example.org/:_authToken={}", "npm_" + made(36)),
    "OpenAIDetector": ("client({})", "sk-" + made(20) + "T3BlbkFJ" + made(20)),
    "PypiTokenDetector": ("upload -p {}", "pypi-AgEIcHlwaS5vcmc" + made(80)),
    "SendGridDetector": ("mail {}", "SG." + made(22) + "." + made(43)),
    "SlackDetector": ("post to {}", "xoxb-" + made(11, string.digits) + "-" + made(12, string.digits) + "-" + made(24)),
    "SoftlayerDetector": ("softlayer_api_key = {}", made(64, "0123456789abcdef")),
    "SquareOAuthDetector": ("oauth {}", "sq0csp-" + made(43)),
    "StripeDetector": ("stripe {}", "sk" + "_live_" + made(24)),
    "TelegramBotTokenDetector": ("bot {}", made(9, "123456789") + ":" + made(35)),
    "TwilioKeyDetector": ("sid {}", "SK" + made(32, "0123456789abcdef")),
    "Base64HighEntropyString": ("call('{}')", made(44, LETTERS + "+/")),
    "HexHighEntropyString": ("call('{}')", made(48, "0123456789abcdef")),
    "KeywordDetector": ('password = "{}"', "hunter2 hunter"),
    "BasicAuthDetector": ("https://user:{}@example.org/x", "hunter2"),
    "PrivateKeyDetector": (
        "the key\n{}\nand more",
        f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----",
    ),
}


@pytest.mark.parametrize("detector", SECRETS)
def test_each_kind_is_found_where_it_stands(detector):
    around, secret = SECRETS[detector]
    text = "Ein Müller schrieb 水車:\n" + around.format(secret) + "\nThe end."
    found = find_secrets(text)
    assert [(text[one.start : one.end], one.detector) for one in found] == [(secret, detector)]
    clean = redact(text, found)
    assert secret not in clean and f"<SECRET:{detector}>" in clean
    assert clean.count("\n") == text.count("\n")
    assert find_secrets(clean) == []


def test_every_detector_of_the_library_has_its_rule():
    theirs = {kind.__name__ for kind in get_mapping_from_secret_type_to_class().values()}
    ours = {rule.detector for rule in (*token_rules(), keyword_rule(), password_in_url_rule())} | {"PrivateKeyDetector"}
    assert ours == theirs - {"IPPublicDetector"} == set(SECRETS)


@pytest.mark.parametrize(
    "text",
    [
        "The secret of a good loaf is time. Her password was never written down; the key turned in the lock.",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        "https://example.org/a-very-long-path/with_many_parts/and-a-name-of-an-article-that-goes-on",
        f"commit {hashlib.sha1(b'x').hexdigest()} and '{hashlib.sha256(b'y').hexdigest()}'",
        f'run "{uuid.UUID(int=2**127 + 12345)}"',
        'order = "abcdefghijklmnopqrstuvwxyz0123456789"',
        'names = "AutoModelForSequenceClassification2Output"',
        'password = "${PASSWORD}"',
        'password = os.environ["DB_PASSWORD"]',
        'if config.secrets == "drop":',
        'if (password !== "not-set") {',
        "return 'no_password' == config.password",
        "It begins with -----BEGIN RSA PRIVATE KEY----- and then comes the key itself.",
        "",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text):
    assert find_secrets(text) == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('if password == "hunter2":', "hunter2"),
        ("return 'l3tme in' != password", "l3tme in"),
        ('password = "drop"', "drop"),
        ('passwords = {"password": "swordfish"} == given', "swordfish"),
    ],
)
def test_a_value_that_is_assigned_or_no_mere_word_is_a_secret(line, value):
    assert [line[one.start : one.end] for one in find_secrets(line)] == [value]


def test_the_standard_library_holds_no_secrets():
    folder = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [text[one.start : one.end] for one in find_secrets(text)]
    assert len(found) <= 2, found


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([around.format(secret) for around, secret in SECRETS.values()])
        | st.text(max_size=40)
        | st.sampled_from(["password", "key=", '"', "'", "://", "İ", "ß", "水車", "a" * 30]),
        max_size=8,
    ),
    st.sampled_from(["", " ", "\n"]),
)
def test_spans_are_in_order_and_redaction_keeps_the_lines(parts, joint):
    text = joint.join(parts)
    found = find_secrets(text)
    assert all(one.start < one.end <= len(text) for one in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert redact(text, found).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "password = '" * 20_000,
        "password" * 50_000,
        "'" + "Ab1" * 200_000,
        "a:b@" + "://x:" * 80_000,
        "eyJ" * 100_000 + "." * 1000,
        ('{"secret":"' + made(30) + '",') * 5_000,
        "-----BEGIN RSA PRIVATE KEY-----" * 3_000,
        "token = " + "A_" * 100_000,
    ],
    ids=["quotes", "keywords", "one word", "urls", "web tokens", "json", "keys", "assignment"],
)
def test_hostile_lines_end(text):
    find_secrets(text)


def test_secrets_of_a_long_line_are_found_to_its_end():
    secret = SECRETS["GitHubTokenDetector"][1]
    text = " ".join(["word"] * 30_000 + [secret] + ["more"] * 30_000 + [secret])
    assert [text[one.start : one.end] for one in find_secrets(text)] == [secret, secret]


def test_every_hint_of_the_keyword_rule_begins_or_ends_with_a_root():
    roots = tuple(KEYWORD_ROOTS)
    assert all(hint.startswith(roots) or hint.endswith(roots) for hint in keyword_rule().hints)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([around.format(secret) for around, secret in SECRETS.values()])
        | st.text(max_size=40)
        | st.sampled_from(["", "\n", "-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 30, "-----END RSA PRIVATE KEY-----"]),
        max_size=8,
    )
)
def test_of_many_texts_each_that_holds_a_secret_is_named(texts):
    assert all(may for text, may in zip(texts, may_hold_secrets(texts), strict=True) if find_secrets(text))


def test_of_many_texts_those_without_secrets_are_not_named():
    texts = [
        "a = 1",
        SECRETS["GitHubTokenDetector"][1],
        "",
        "b = 2\n",
        "password = load()",
        SECRETS["JwtTokenDetector"][1],
    ]
    assert may_hold_secrets(texts) == [False, True, False, False, False, True]
    assert may_hold_secrets([]) == []
