"""Lists of a crawl's files, as Common Crawl publishes them (`warc.paths.gz`, `wet.paths.gz`), and samples of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence

import xxhash

from pipelines import storage
from pipelines.http_files import Transfer, is_http
from pipelines.options import UsageError
from schemas.ids import length_prefixed


def read_crawl_paths(path: str, transfer: Transfer | None = None) -> list[str]:
    """The paths of a list, one a line, gzipped or plain, once each in the list's order.

    The list itself may lie anywhere, http(s) included. Blank lines and lines that begin with `#` are passed over.
    Raises UsageError where it cannot be read or names nothing.
    """
    try:
        data = storage.read_bytes(path, transfer)
        text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"the list of crawl paths {path} cannot be read: {error}") from None
    lines = [line.strip() for line in text.splitlines()]
    paths = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not paths:
        raise UsageError(f"the list of crawl paths {path} names no file")
    if odd := next((line for line in paths if line.startswith("<") or "\t" in line), None):
        raise UsageError(f"{path} is no list of paths, one a line: it has {odd[:60]!r}")
    return paths


def check_sample(sample: str) -> float | int:
    """`--sample` as a number of files (`100`) or a share of them (`0.01`). Raises UsageError."""
    try:
        value = float(sample) if "." in sample else int(sample)
    except ValueError:
        value = 0
    if value <= 0 or (isinstance(value, float) and value > 1):
        raise UsageError(f"--sample takes a number of files, such as 100, or a share, such as 0.01, not {sample!r}")
    return value


def sample_paths(paths: Sequence[str], sample: float | int, seed: int) -> list[str]:
    """That many of the paths (an int), or that share of them (a float; at least one), in the list's order.

    Which ones follows from the seed and each path's own hash: the list's order does not matter, and a larger sample of
    the same seed holds the smaller.
    """
    count = sample if isinstance(sample, int) else max(1, round(sample * len(paths)))
    lot = {path: xxhash.xxh3_64_intdigest(length_prefixed(str(seed).encode(), path.encode())) for path in paths}
    chosen = set(sorted(paths, key=lambda path: (lot[path], path))[:count])
    return [path for path in paths if path in chosen]


def crawl_files(paths: Sequence[str], base_url: str, transfer: Transfer | None = None) -> list[storage.FileInfo]:
    """The files of a crawl's list: each path below `base_url`, or as it is where it is a URL itself.

    A file that is not there stays in the result: mining it will fail, and will be counted. Lists come from elsewhere:
    UsageError for one that leads out of `base_url`, or to a file system that is neither http(s) nor that of `base_url`.
    """
    places = [path if "://" in path else storage.join(base_url, path.lstrip("/")) for path in paths]
    if odd := next((path for path in paths if not _is_allowed(path, base_url)), None):
        raise UsageError(f"the list of crawl paths names {odd[:100]!r}, which leads out of what --base-url names")
    return sorted(storage.describe(places, transfer), key=lambda info: info.path)


def _is_allowed(path: str, base_url: str) -> bool:
    if "://" not in path:
        return ".." not in path.replace("\\", "/").split("/") and "\0" not in path
    return is_http(path) or path.startswith(base_url.rstrip("/") + "/")
