"""Coverage-guided fuzzing of one target for a bounded time: `python -m tests.fuzz.run TARGET [--seconds N]`.

Needs atheris (`make fuzz` installs it); Linux on x86-64. Ends with status 0 when nothing was found. Otherwise the input
lies in the folder that is printed: copy it to `tests/fuzz/found/TARGET/`, where the tests hold it, and mend the reader.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

HERE = Path(__file__).parent
with atheris.instrument_imports(include=["miners.web", "miners.code", "tarfile", "zipfile", "gzip"]):
    from tests.fuzz.targets import TARGETS

MOST_BYTES = 64 << 10
SLOWEST_SECONDS = 20
"""An input that takes longer is a find: nothing of this size may hang."""
MOST_MEGABYTES = 2048


def main() -> None:
    """Fuzz until the time is over or something is found; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"), help="what covers new code is kept there")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices; 0 draws one (default: 0)")
    args = parser.parse_args()
    corpus, found = args.corpus / args.target, args.corpus / "found" / args.target
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = [HERE / "seeds" / args.target, HERE / "found" / args.target]
    atheris.Setup(
        [
            sys.argv[0],
            *(str(folder) for folder in (corpus, *seeds) if folder.is_dir()),
            f"-dict={HERE / 'dictionary.txt'}",
            f"-artifact_prefix={found}/",
            f"-max_total_time={args.seconds}",
            f"-timeout={SLOWEST_SECONDS}",
            f"-rss_limit_mb={MOST_MEGABYTES}",
            f"-max_len={MOST_BYTES}",
            f"-seed={args.seed}",
            "-print_final_stats=1",
        ],
        saving(TARGETS[args.target], found),
    )
    atheris.Fuzz()


def saving(target: Callable[[bytes], None], folder: Path) -> Callable[[bytes], None]:
    """The target, with each input that breaks it written down at once: on a busy machine libFuzzer may not come to."""

    def run(data: bytes) -> None:
        try:
            target(data)
        except Exception:
            (folder / f"broke-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)
            raise

    return run


if __name__ == "__main__":
    main()
