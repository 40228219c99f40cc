"""Personal data and secrets in a page's text, and placeholders in their stead.

E-mail addresses by the pattern of FineWeb's formatter (datatrove's PIIFormatter); IP addresses by Python's `ipaddress`,
public ones alone, as there; phone numbers by `phonenumbers`, the Python port of Google's libphonenumber; secrets by
`miners.secrets`. A line stays a line, so what stood next to each other still does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from phonenumbers import SUPPORTED_REGIONS, Leniency, PhoneNumberMatcher

from miners.secrets import find_secrets
from miners.secrets.search import placeholder

KINDS = ("emails", "phones", "ips", "secrets")
EMAIL, PHONE, IP_ADDRESS = "<EMAIL>", "<PHONE>", "<IP_ADDRESS>"

_EMAIL = re.compile(
    r"\b[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
)
_LOCAL_PART, _DOMAIN = 64, 255
"""Characters before and after the @, at most (RFC 5321, 4.5.3.1)."""
_IPV4 = re.compile(r"\d+(?:\.\d+){3}")
_IPV6 = re.compile(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{3,34}")
LEAST_OCTET = 100
"""An address has an octet of at least this in 98 of 100 cases; four smaller numbers are a chapter's or a version's."""
_INTERNATIONAL = re.compile(r"[+＋]\s?\(?\d")
_DIGITS = re.compile(r"\d(?:[\s().\-/]{0,3}\d){6}")


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """What is replaced."""

    redact: tuple[str, ...] = KINDS
    phone_region: str = ""
    """Where numbers without a country code are of (ISO 3166, such as DE); empty: only those with a + are found."""

    def __post_init__(self) -> None:
        for kind in self.redact:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} cannot be redacted; give none, or some of {', '.join(KINDS)}")
        if self.phone_region and self.phone_region not in SUPPORTED_REGIONS:
            raise ValueError(f"phone_region {self.phone_region!r} is no region; give a code such as DE or US")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to be replaced; places are in code points."""

    start: int
    end: int
    kind: str
    placeholder: str


def redact(lines: Iterable[str], config: PrivacyConfig) -> tuple[list[str], dict[str, int]]:
    """The lines with placeholders for what was found, as many as before, and how many of each kind there were.

    No line may have a line break in it.
    """
    lines = list(lines)
    text = "\n".join(lines)
    found = findings(text, config)
    if not found:
        return lines, {}
    pieces, counts, position = [], dict.fromkeys(config.redact, 0), 0
    for finding in found:
        pieces += [text[position : finding.start], finding.placeholder]
        pieces += ["\n" + finding.placeholder] * text.count("\n", finding.start, finding.end)
        counts[finding.kind] += 1
        position = finding.end
    return "".join((*pieces, text[position:])).split("\n"), {kind: n for kind, n in counts.items() if n}


def findings(text: str, config: PrivacyConfig) -> list[Finding]:
    """What is to be replaced in a text, in order; none overlaps another. Of two that do the earlier counts."""
    found: list[Finding] = []
    if "secrets" in config.redact:
        found += (Finding(one.start, one.end, "secrets", placeholder(one)) for one in find_secrets(text))
    if "emails" in config.redact and "@" in text:
        found += _emails(text)
    if "ips" in config.redact:
        found += _addresses(text)
    if "phones" in config.redact:
        found += _phones(text, config.phone_region)
    return _apart(found)


def _emails(text: str) -> Iterator[Finding]:
    place = text.find("@")
    done = 0
    while place >= 0:
        match = _EMAIL.search(text, max(done, place - _LOCAL_PART), place + 1 + _DOMAIN)
        done = place + 1
        if match and match.start() < place < match.end():
            yield Finding(*match.span(), "emails", EMAIL)
            done = match.end()
        place = text.find("@", done)


def _addresses(text: str) -> Iterator[Finding]:
    for match in _IPV4.finditer(text) if text.count(".") > 2 else ():
        if max(map(int, match.group().split("."))) >= LEAST_OCTET and _is_public(match):
            yield Finding(*match.span(), "ips", IP_ADDRESS)
    for match in _IPV6.finditer(text) if ":" in text else ():
        if _is_public(match):
            yield Finding(*match.span(), "ips", IP_ADDRESS)


def _is_public(match: re.Match[str]) -> bool:
    """Whether it is a public address, and no part of a longer name or number."""
    around = match.string[max(0, match.start() - 1) : match.start()], match.string[match.end() : match.end() + 2]
    if around[0].isalnum() or around[0] in (".", "_", "-") or around[1][:1].isalnum() or around[1][:1] == "_":
        return False
    if around[1][:1] == "." and around[1][1:].isalnum():
        return False
    try:
        return ipaddress.ip_address(match.group()).is_global
    except ValueError:
        return False


def _phones(text: str, region: str) -> Iterator[Finding]:
    if not region and "+" not in text and "＋" not in text:
        return
    leniency = Leniency.STRICT_GROUPING if region else Leniency.VALID  # without a + tables of figures look like numbers
    for begin, end in _lines_with_numbers(text, _DIGITS if region else _INTERNATIONAL):
        for match in PhoneNumberMatcher(text[begin:end], region or None, leniency=leniency):
            yield Finding(begin + match.start, begin + match.end, "phones", PHONE)


def _lines_with_numbers(text: str, sight: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where to look: the library takes milliseconds a line."""
    position = 0
    while match := sight.search(text, position):
        begin = max(text.rfind("\n", 0, match.start()) + 1, match.start() - 20)
        end = text.find("\n", match.start())
        end = min(len(text) if end < 0 else end, match.start() + 200)
        yield begin, end
        position = max(end, match.end())


def _apart(found: Collection[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    for finding in sorted(found):
        if not kept or kept[-1].end <= finding.start:
            kept.append(finding)
    return kept
