"""Rows as a person reads them: both sides cut to a readable length, where the row came from, and a link to it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from miners.audit.redaction import redacted
from schemas.side_hash import anchor_is_code, positive_is_code, side_hash

SHOWN_COLUMNS = (
    "row_id",
    "kind",
    "source",
    "language",
    "group",
    "anchor",
    "positive",
    "anchor_hash",
    "positive_hash",
    "provenance",
)
"""What is read again of a row that is shown."""
EXCERPT_CHARS = 1500
_BEYOND = 500
_SCP_REMOTE = re.compile(r"^git@([A-Za-z0-9.-]+):(.+)$")
_HOST_PATH = re.compile(r"^(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)/")


def shown_row(row: Mapping[str, Any], split: str, set_path: str) -> dict[str, Any]:
    """A row of `SHOWN_COLUMNS` as plain values for the report.

    Texts are excerpts, with the characters left off, and placeholders in place of secrets and personal data.
    """
    provenance = {k: v for k, v in (row["provenance"] or {}).items() if v is not None}
    anchor, positive = row["anchor"], row["positive"]
    return {
        "row_id": row["row_id"],
        "split": split,
        "kind": row["kind"],
        "source": row["source"],
        "language": row["language"],
        "group": row["group"],
        "anchor": _excerpt(anchor),
        "anchor_left_off": max(0, len(anchor) - EXCERPT_CHARS),
        "positive": _excerpt(positive),
        "positive_left_off": max(0, len(positive) - EXCERPT_CHARS),
        "place": place_of(provenance),
        "link": link_of(provenance),
        "license": provenance.get("license"),
        "date": provenance.get("date"),
        "explain": explain_command(set_path, row["row_id"]),
        "hashes_hold": hashes_hold(row),
    }


def _excerpt(text: str) -> str:
    """What is shown of a text; what lies across its end is looked for too."""
    return redacted(text[: EXCERPT_CHARS + _BEYOND])[:EXCERPT_CHARS]


def hashes_hold(row: Mapping[str, Any]) -> bool:
    """Whether the row's two hash columns are those of its texts: the figures on repeats rest on them."""
    kind = row["kind"]
    return (
        side_hash(row["anchor"], is_code=anchor_is_code(kind)) == row["anchor_hash"]
        and side_hash(row["positive"], is_code=positive_is_code(kind)) == row["positive_hash"]
    )


def explain_command(set_path: str, row_id: str) -> str:
    """The command line that tells where a row came from."""
    return f"pairmill explain {shlex.quote(set_path)} {row_id}"


def place_of(provenance: Mapping[str, Any]) -> str:
    """Where a row stood, in words: symbol, path and lines, or the page."""
    if "path" in provenance:
        lines = f":{provenance['start_line']}–{provenance['end_line']}" if "end_line" in provenance else ""
        symbol = f"{provenance['symbol']} · " if "symbol" in provenance else ""
        return f"{symbol}{provenance['path']}{lines}"
    if "url" in provenance:
        return str(provenance["url"])
    return str(provenance.get("uri") or "place not known")


def link_of(provenance: Mapping[str, Any]) -> str | None:
    """A web address of the row's source; None unless it is plainly http or https, as pair sets hold strangers' data."""
    if "url" in provenance:
        return _web_address(provenance["url"])
    base = _repository_address(provenance.get("repo"))
    if base is None or "path" not in provenance or "revision" not in provenance:
        return base
    blob = {"github.com": "blob", "gitlab.com": "-/blob"}.get(urlsplit(base).hostname or "")
    if blob is None:
        return base
    lines = f"#L{provenance['start_line']}-L{provenance['end_line']}" if "end_line" in provenance else ""
    return f"{base}/{blob}/{quote(str(provenance['revision']))}/{quote(str(provenance['path']))}{lines}"


def _repository_address(repo: object) -> str | None:
    if not isinstance(repo, str):
        return None
    text = _SCP_REMOTE.sub(r"https://\1/\2", repo.strip())
    if _HOST_PATH.match(text):
        text = f"https://{text}"
    address = _web_address(text)
    return address.removesuffix("/").removesuffix(".git") if address else None


def _web_address(text: object) -> str | None:
    """The address if it is one of http or https with a host and no blank or control character."""
    if not isinstance(text, str) or any(c.isspace() or ord(c) < 32 for c in text):
        return None
    try:
        parts = urlsplit(text)
        return text if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None
