"""detect-secrets' detectors as rules with spans: its patterns, its limits, its filters.

The library names the values that it finds in a line, and not where they stand, and tries every pattern on every line.
Here its own compiled patterns are run for their spans, on lines that have a literal that every match has. Nothing is
verified over the network.

Its detector of public IP addresses is left out: an address is no secret (see `miners.web.privacy`).
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

from detect_secrets.filters import heuristic
from detect_secrets.plugins import keyword
from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.high_entropy_strings import (
    Base64HighEntropyString,
    HexHighEntropyString,
    HighEntropyStringsPlugin,
)
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

Find = Callable[[str], Iterable[tuple[int, int]]]

LEAST_RUN = 20
"""Letters, digits and - _ + / = in a row: shorter ones are no token's. The library's shortest, AWS's key id, has 20."""
DIGEST_LENGTHS = (32, 40, 56, 64, 96, 128)
"""Hexadecimal digits of MD5, SHA-1 and the SHA-2 family: as a value without a telling name it is a checksum."""
LEAST_WORD_SHARE = 1 / 3
"""An identifier made of words has this share of its characters in them; of random base64 about .07 looks like that."""

_WORD = re.compile(r"[A-Z]?[a-z]{4,}|[A-Z][a-z]{3,}")
_SIGNATURE = re.compile(r"[A-Za-z0-9_-]+")
_LONG_NAME = re.compile(r"\w{200,}")
"""No variable's; the keyword patterns take time that grows with the square of a name's length."""
_COMPARED = ("==", "!=")
_JOINTS = str.maketrans("", "", "-_")
_SET_OFF = ' \t=:"'
_KEY_WORDS = (b"key", b"pwd", b"pw", b"pass", b"token")
_GITLAB = (b"gr1348941", b"glpat-", b"gldt-", b"glft-", b"glsoat-", b"glrt-", b"glcbt-", b"glimt-", b"glptt-")
_GITLAB_AGENT = (b"glagent-", b"gloas-")


@dataclass(frozen=True, slots=True)
class Rule:
    """One detector of the library."""

    detector: str
    """The library's name of it."""
    find: Find
    """The spans in a line."""
    hints: tuple[bytes, ...]
    """A line whose ASCII in lower case has none of these has no match."""
    run: int = 0
    """A line without so many letters, digits and - _ + / = in a row has none either."""


@lru_cache(maxsize=1)
def token_rules() -> tuple[Rule, ...]:
    """The rules whose matches hold a run of LEAST_RUN; the most telling name of a secret first."""
    return (
        _by_patterns(AWSKeyDetector, (b"a3t", b"abia", b"acca", b"akia", b"asia", b"aws")),
        _by_patterns(ArtifactoryDetector, (b"ak", b"ap")),
        _by_patterns(AzureStorageKeyDetector, (b"accountkey=",), run=88),
        _by_patterns(CloudantDetector, (b"cl",)),
        _by_patterns(DiscordBotTokenDetector, (b".",), run=27),
        _by_patterns(GitHubTokenDetector, (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), whole=True, run=40),
        _by_patterns(GitLabTokenDetector, (*_GITLAB, *_GITLAB_AGENT), whole=True),
        _by_patterns(IbmCloudIamDetector, _KEY_WORDS, run=44),
        _by_patterns(IbmCosHmacDetector, (b"secret",), run=48),
        Rule("JwtTokenDetector", _web_tokens, (b"eyj",)),
        _by_patterns(MailchimpDetector, (b"-us",), run=36),
        _by_patterns(NpmDetector, (b":_authtoken=",)),
        _by_patterns(OpenAIDetector, (b"t3blbkfj",), run=51),
        _by_patterns(PypiTokenDetector, (b"pypi-age",), run=70),
        _by_patterns(SendGridDetector, (b"sg.",), run=43),
        _by_patterns(SlackDetector, (b"xox", b"hooks.slack.com")),
        _by_patterns(SoftlayerDetector, (b"sl", b"softlayer"), run=64),
        _by_patterns(SquareOAuthDetector, (b"sq0csp-",)),
        _by_patterns(StripeDetector, (b"k_live_",), run=32),
        _by_patterns(TelegramBotTokenDetector, (b":",), run=35),
        _by_patterns(TwilioKeyDetector, (b"ac", b"sk"), run=34),
        _by_entropy(Base64HighEntropyString()),
        _by_entropy(HexHighEntropyString()),
    )


@lru_cache(maxsize=1)
def keyword_rule() -> Rule:
    """Values in quotes that are assigned to, or compared with, a name such as password or api_key."""
    patterns = keyword.QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP
    hints = {hint for word in keyword.DENYLIST for hint in _spellings(word)}

    def find(line: str) -> Iterator[tuple[int, int]]:
        line = _LONG_NAME.sub(lambda match: " " * len(match.group()), line)
        spans = [match.span(group) for pattern, group in patterns.items() for match in pattern.finditer(line)]
        if spans and not heuristic.is_indirect_reference(line):  # in this order: it takes far longer than the patterns
            for start, end in spans:
                if not (_is_no_password(line[start:end], line) or _is_choice(line, start, end)):
                    yield start, end

    return Rule("KeywordDetector", find, tuple(sorted(hints)))


@lru_cache(maxsize=1)
def password_in_url_rule() -> Rule:
    """The password of `https://user:password@host`."""
    return _by_patterns(BasicAuthDetector, (b"://",))


def _spellings(word: str) -> Iterator[bytes]:
    """`api_key` and `apikey` for the library's `api_?key`, in ASCII as a line's."""
    parts = word.encode("ascii", "replace").split(b"_?")
    for joints in product((b"_", b""), repeat=len(parts) - 1):
        yield b"".join(part + joint for part, joint in zip(parts, (*joints, b""), strict=True))


def _by_patterns(
    kind: type[RegexBasedDetector], hints: tuple[bytes, ...], *, whole: bool = False, run: int = 0
) -> Rule:
    """A rule of the detector's patterns. `whole`: their groups are not the secret but its kind."""
    patterns = tuple(kind.denylist)

    def find(line: str) -> Iterator[tuple[int, int]]:
        for pattern in patterns:
            for match in pattern.finditer(line):
                start, end = match.span() if whole else _secret_span(match)
                if not _is_harmless(line[start:end]):
                    yield start, end

    return Rule(kind.__name__, find, hints, run)


def _secret_span(match: re.Match[str]) -> tuple[int, int]:
    """The span of the longest group that took part; where there is none, of the match without what sets it off."""
    spans = [match.span(i) for i in range(1, match.re.groups + 1) if match.group(i)]
    if spans:
        return max(spans, key=lambda span: span[1] - span[0])
    text = match.group()
    start = match.start() + len(text) - len(text.lstrip(_SET_OFF))
    return start, start + len(text.strip(_SET_OFF))


def _web_tokens(line: str) -> Iterator[tuple[int, int]]:
    for pattern in JwtTokenDetector.denylist:
        for match in pattern.finditer(line):
            if JwtTokenDetector.is_formally_valid(match.group()):
                signature = _SIGNATURE.match(line, match.end())  # the library's pattern stops before it
                yield match.start(), signature.end() if signature else match.end()


def _by_entropy(plugin: HighEntropyStringsPlugin) -> Rule:
    """Quoted strings without blanks whose characters are spread as those of random ones."""
    least_different = math.floor(2**plugin.entropy_limit)  # fewer cannot reach the limit, and are told in no time

    def find(line: str) -> Iterator[tuple[int, int]]:
        for match in plugin.regex.finditer(line):
            value = match.group(2)
            if len(value) < LEAST_RUN or len(set(value)) < least_different:
                continue
            if plugin.calculate_shannon_entropy(value) <= plugin.entropy_limit:
                continue
            if not (_is_harmless(value) or _is_public(value) or heuristic.is_likely_id_string(value, line)):
                yield match.span(2)

    return Rule(type(plugin).__name__, find, (b'"', b"'"))


def _is_public(value: str) -> bool:
    """Whether it looks random and is none the less no secret: a UUID, a checksum, an alphabet, a name made of words."""
    if heuristic.is_potential_uuid(value) or sum(ord(b) - ord(a) == 1 for a, b in pairwise(value)) > len(value) // 2:
        return True
    if len(value) in DIGEST_LENGTHS and not value.strip(string.hexdigits):
        return True
    return sum(map(len, _WORD.findall(value))) >= LEAST_WORD_SHARE * len(value)


def _is_harmless(value: str) -> bool:
    """By the library's filters: a sequence such as 0123456789, a template's slot, or nothing but signs."""
    return (
        heuristic.is_sequential_string(value)
        or heuristic.is_templated_secret(value)
        or heuristic.is_not_alphanumeric_string(value)
    )


def _is_choice(line: str, start: int, end: int) -> bool:
    """Whether the quoted value is compared with, and a word: ``if secrets == "drop"`` asks for a setting."""
    before, after = line[: start - 1].rstrip(), line[end + 1 :].lstrip()
    if not (before.endswith(_COMPARED) or after.startswith(_COMPARED)):
        return False
    return line[start:end].translate(_JOINTS).isalpha()


def _is_no_password(value: str, line: str) -> bool:
    return (
        _is_harmless(value)
        or heuristic.is_prefixed_with_dollar_sign(value)
        or heuristic.is_likely_id_string(value, line)
    )
