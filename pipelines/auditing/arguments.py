"""What `pairmill audit` is asked: its flags, and the files that they name."""

from __future__ import annotations

from collections.abc import Sequence

from miners.audit.gates import Gates, check_flags, parse_gates
from pipelines import storage
from pipelines.options import Command, JobParser, UsageError, parse


def make_parser() -> JobParser:
    """The command's flags."""
    parser = JobParser(
        prog="pairmill audit",
        description="Say what is in a pair set, and whether it is worth training on.",
        allow_abbrev=False,
        epilog="Flags of Beam's own (--runner, --project, --region, …) are passed on.",
    )
    add = parser.add_argument
    add("--input", required=True, metavar="SET", help="the pair set's folder")
    add("--output", required=True, metavar="FOLDER", help="folder for report.html and audit.json")
    add("--overwrite", action="store_true", help="replace a report that is in the way")
    add("--gates", metavar="FILE", help="thresholds as YAML; exit 1 when one is broken")
    add(
        "--licenses",
        default="any",
        metavar="POLICY",
        help="licences that are allowed: any, permissive, or a file of names; others are counted (default: any)",
    )
    add(
        "--decontaminate",
        action="append",
        default=[],
        metavar="FILES",
        help="evaluation texts that rows must not hold, as in dedupe; repeatable",
    )
    add(
        "--made-of",
        nargs="+",
        default=[],
        metavar="SET",
        help="sets that this one was made of: to show what their jobs dropped, where they kept rejects",
    )
    add("--compare", metavar="OTHER", help="another pair set: what changed from it to this one")
    add("--scores", nargs="+", default=[], metavar="FILE", help="of `pairmill evaluate --score-pairs` on this set")
    add("--tokenizer", metavar="PATH", help="tokenizer.json, or its folder: lengths in its tokens too")
    add("--seed", type=int, default=0, help="seed of the samples (default: 0)")
    add("--workers", type=int, metavar="N", help="processes (default: the cores; 1 for small sets)")
    add("--dry-run", action="store_true", help="say what would be read and what that takes")
    add("--quiet", action="store_true", help="no progress, only the closing line and gates that failed")
    return parser


def read_arguments(argv: Sequence[str] | None) -> Command:
    """The parsed command line. Raises UsageError."""
    command = parse(make_parser(), argv)
    if command.args.workers is not None and command.args.workers < 1:
        raise UsageError(f"--workers must be 1 or more, not {command.args.workers}")
    command.args.input = command.args.input.rstrip("/") or "/"
    return command


def read_gates(command: Command) -> Gates | None:
    """The gates of `--gates`, each of them one that the other flags let us measure. Raises UsageError, ValueError."""
    args = command.args
    if args.gates is None:
        return None
    if not storage.exists(args.gates):
        raise UsageError(f"there is no file of gates {args.gates}; check the path given to --gates")
    gates = parse_gates(storage.read_bytes(args.gates), args.gates)
    flags = {"--decontaminate": bool(args.decontaminate), "--licenses": args.licenses != "any"}
    check_flags(gates, [flag for flag, is_given in flags.items() if is_given])
    return gates
