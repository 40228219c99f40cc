"""The ledger: what every stage of a job read, and what became of it.

Per stage: read = kept + dropped[reason] + failed[reason]; and the next stage reads what this one made. `read` and
`kept` are counted where they happen, never one from the other. The lists of stages and reasons are closed: a
reason that is not listed here cannot be counted. A *dropped* item was refused by a rule; a *failed* one broke
(bad bytes, a parser's time limit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STAGES: dict[str, tuple[str, ...]] = {
    "mine-web": ("record", "page", "passage", "pair"),
    "mine-code": ("file", "function", "pair"),
    "import": ("line", "record", "pair"),
    "dedupe": ("exact", "near", "cap", "contamination", "split"),
    "select": ("where", "scores", "balance", "sample"),
    "merge": ("exact", "split"),
    "hard-negatives": ("row",),
}

REMOVAL = "removal"
"""The last stage of any job's ledger, where rows were taken out of the finished set (`pairmill remove`)."""
_ANY = "any"

REASONS: dict[str, tuple[str, ...]] = {
    "mine-web/record": (
        "not_a_page",
        "blocklisted",
        "too_large",
        "http_status",
        "empty_body",
        "not_html",
        "robots",
    ),
    "mine-web/page": (
        "too_complex",
        "no_main_text",
        "language",
        "gopher_words",
        "gopher_word_length",
        "gopher_symbols",
        "gopher_bullet_lines",
        "gopher_ellipsis_lines",
        "gopher_letter_words",
        "gopher_stop_words",
        "gopher_duplicate_lines",
        "gopher_duplicate_line_chars",
        "gopher_top_ngrams",
        "gopher_repeated_ngrams",
        "c4_lorem_ipsum",
        "c4_curly_bracket",
        "c4_sentences",
        "fineweb_unended_lines",
        "fineweb_short_lines",
        "fineweb_duplicate_chars",
        "fineweb_newlines",
        "too_few_passages",
    ),
    "mine-web/passage": ("language", "no_neighbor"),
    "mine-web/pair": ("language_mismatch", "same_text", "page_cap", "domain_cap"),
    "mine-code/file": (
        "unsafe_name",
        "link",
        "not_a_file",
        "shadowed",
        "unknown_language",
        "other_language",
        "vendored",
        "test",
        "too_large",
        "empty",
        "lfs_pointer",
        "binary",
        "generated",
        "minified",
        "license",
    ),
    "mine-code/function": ("no_docstring",),
    "mine-code/pair": (
        "empty_docstring",
        "docstring_too_short",
        "docstring_too_long",
        "boilerplate",
        "only_links",
        "few_letters",
        "repeated_word",
        "identifiers",
        "test_function",
        "constructor",
        "code_too_short",
        "code_too_long",
        "docstring_language",
        "secret",
    ),
    "import/line": (),
    "import/record": (
        "same_id",
        "not_positive",
        "no_gold_label",
        "neutral",
        "same_pair",
        "no_positive",
        "empty_negative",
        "known_positive",
        "same_negative",
        "not_sampled",
    ),
    "import/pair": ("empty_side",),
    "dedupe/exact": ("empty_side", "removed", "same_row", "same_pair"),
    "dedupe/near": ("near_duplicate",),
    "dedupe/cap": ("anchor_repeats", "positive_repeats"),
    "dedupe/contamination": ("contaminated",),
    "dedupe/split": ("split_leak",),
    "select/where": ("not_selected",),
    "select/scores": ("no_score", "low_rank", "low_score"),
    "select/balance": ("over_cap",),
    "select/sample": ("not_sampled",),
    "merge/exact": ("removed", "same_row", "same_pair"),
    "merge/split": ("split_leak",),
    "hard-negatives/row": (),
    "any/removal": ("url", "repo", "license", "id"),
}

FAILURES: dict[str, tuple[str, ...]] = {
    "mine-web/record": (
        "unreadable_file",
        "changed_file",
        "damaged_member",
        "truncated",
        "bad_header",
        "bad_length",
        "bad_http",
        "bad_body",
    ),
    "mine-web/page": ("broken_html", "extraction_timeout"),
    "mine-web/passage": (),
    "mine-web/pair": (),
    "mine-code/file": (
        "clone_failed",
        "clone_timeout",
        "clone_too_large",
        "damaged_repository",
        "changed_repository",
        "bad_row",
        "unreadable",
        "not_utf8",
        "parse_timeout",
        "parser_crash",
    ),
    "mine-code/function": ("syntax_error",),
    "mine-code/pair": (),
    "import/line": ("unreadable_file", "too_long", "not_utf8", "bad_row"),
    "import/record": ("missing_text",),
    "import/pair": (),
    "dedupe/exact": ("bad_row",),
    "dedupe/near": (),
    "dedupe/cap": (),
    "dedupe/contamination": (),
    "dedupe/split": (),
    "select/where": (),
    "select/scores": (),
    "select/balance": (),
    "select/sample": (),
    "merge/exact": (),
    "merge/split": (),
    "hard-negatives/row": (),
    "any/removal": (),
}

LISTED_FAILURES = 1000


def stages_of(job: str, stages: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a ledger's stages in order: the job's, and last that of removals where there is one."""
    return (*STAGES[job], *((REMOVAL,) if REMOVAL in stages else ()))


class LedgerError(RuntimeError):
    """A ledger that does not add up: some items were lost or counted twice, so the job must not publish."""


@dataclass
class StageCount:
    """What one stage read, kept and made, and what it dropped or failed, by reason."""

    read: int = 0
    kept: int = 0
    made: int = 0
    """How many items of the next stage the kept ones gave."""
    dropped: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def imbalance(self) -> int:
        """Items read that nothing accounts for (negative: accounted for more than once)."""
        return self.read - self.kept - sum(self.dropped.values()) - sum(self.failed.values())

    def add(self, other: StageCount) -> None:
        """Add another unit's counts of the same stage."""
        self.read += other.read
        self.kept += other.kept
        self.made += other.made
        for mine, theirs in ((self.dropped, other.dropped), (self.failed, other.failed)):
            for reason, n in theirs.items():
                mine[reason] = mine.get(reason, 0) + n

    def to_json(self) -> dict[str, Any]:
        """Plain values, reasons in alphabetical order."""
        return {
            "read": self.read,
            "kept": self.kept,
            "made": self.made,
            "dropped": dict(sorted(self.dropped.items())),
            "failed": dict(sorted(self.failed.items())),
        }


class Ledger:
    """The counts of one unit of work of `job`; ledgers of units add up to the job's."""

    def __init__(self, job: str) -> None:
        if job not in STAGES:
            raise ValueError(f"there is no job {job!r}; the jobs with a ledger are {', '.join(STAGES)}")
        self.job = job
        self.stages: dict[str, StageCount] = {stage: StageCount() for stage in STAGES[job]}
        self.failures: list[dict[str, str]] = []
        self.notes: dict[str, int] = {}
        """Other counts worth keeping, by name (the largest cluster, bytes skipped); units add up."""

    def remove(self, reasons: Mapping[str, int], kept: int) -> None:
        """Rows left the finished set by these reasons, and `kept` were counted in what is there now."""
        stage = self._removal(self.kept_last())
        for reason, n in reasons.items():
            self.drop(REMOVAL, reason, n)
        stage.kept = stage.made = kept

    def _removal(self, rows: int) -> StageCount:
        """The stage of removals, which reads the rows that the job kept."""
        return self.stages.setdefault(REMOVAL, StageCount(read=rows))

    def read(self, stage: str, n: int = 1) -> None:
        """`n` items came in."""
        self.stages[stage].read += n

    def keep(self, stage: str, n: int = 1) -> None:
        """`n` items went on."""
        self.stages[stage].kept += n

    def made(self, stage: str, n: int) -> None:
        """Kept items of `stage` became `n` items of the next stage."""
        self.stages[stage].made += n

    def drop(self, stage: str, reason: str, n: int = 1) -> None:
        """`n` items were refused by a rule; ValueError if the reason is not in the closed list."""
        self._count(self.stages[stage].dropped, REASONS, stage, reason, n)

    def fail(self, stage: str, reason: str, n: int = 1, *, where: str = "", why: str = "") -> None:
        """`n` items broke; the first failures are listed with their place and cause."""
        self._count(self.stages[stage].failed, FAILURES, stage, reason, n)
        if where and len(self.failures) < LISTED_FAILURES:
            self.failures.append({"stage": stage, "reason": reason, "where": where, "why": why[:300]})

    def note(self, name: str, n: int) -> None:
        """Add `n` to a count that is no part of the balance."""
        self.notes[name] = self.notes.get(name, 0) + n

    def add(self, other: Ledger) -> None:
        """Add another unit's ledger of the same job."""
        if other.job != self.job:
            raise ValueError(f"a ledger of {other.job} cannot be added to one of {self.job}")
        for stage, count in other.stages.items():
            self.stages[stage].add(count)
        self.failures = (self.failures + other.failures)[:LISTED_FAILURES]
        for name, n in other.notes.items():
            self.note(name, n)

    def check_stages(self) -> None:
        """Raise LedgerError naming the first stage that does not account for what it read."""
        for name, stage in self.stages.items():
            if stage.imbalance():
                raise LedgerError(
                    f"{self.job}: stage {name!r} read {stage.read:,} but accounts for "
                    f"{stage.read - stage.imbalance():,} (kept {stage.kept:,}, dropped {stage.dropped}, "
                    f"failed {stage.failed}); the result is not published"
                )

    def check(self) -> None:
        """Raise LedgerError naming the first stage that does not add up, or did not read what the one before made."""
        self.check_stages()
        names = list(self.stages)
        for i, name in enumerate(names):
            stage = self.stages[name]
            before = self.stages[names[i - 1]]
            if name == REMOVAL and stage.read != before.kept:
                raise LedgerError(f"{self.job}: {before.kept:,} rows were kept but the removal read {stage.read:,}")
            if i and name != REMOVAL and stage.read != before.made:
                raise LedgerError(
                    f"{self.job}: stage {names[i - 1]!r} made {self.stages[names[i - 1]].made:,} but stage "
                    f"{name!r} read {stage.read:,}; the result is not published"
                )

    def kept_last(self) -> int:
        """What the last stage kept: the rows of the result."""
        return self.stages[list(self.stages)[-1]].kept

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest and for `units/<unit>.json`."""
        return {
            "job": self.job,
            "stages": {name: count.to_json() for name, count in self.stages.items()},
            "failures": self.failures,
            "notes": dict(sorted(self.notes.items())),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Ledger:
        """Read back what `to_json` wrote. Raises ValueError for anything else; reasons are of the closed lists."""
        try:
            return cls._from_json(value)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no ledger: {error!r}") from None

    @classmethod
    def _from_json(cls, value: Mapping[str, Any]) -> Ledger:
        ledger = cls(value["job"])
        if REMOVAL in value["stages"]:
            ledger._removal(0)
        for name, count in value["stages"].items():
            stage = ledger.stages[name]
            stage.read, stage.kept, stage.made = count["read"], count["kept"], count["made"]
            for reason, n in count["dropped"].items():
                ledger.drop(name, reason, n)
            for reason, n in count["failed"].items():
                ledger.fail(name, reason, n)
        ledger.failures = list(value.get("failures", []))
        ledger.notes = dict(value.get("notes", {}))
        return ledger

    def _count(
        self, counts: dict[str, int], lists: Mapping[str, tuple[str, ...]], stage: str, reason: str, n: int
    ) -> None:
        listed = lists[f"{_ANY if stage == REMOVAL else self.job}/{stage}"]
        if reason not in listed:
            raise ValueError(
                f"{reason!r} is no reason of {self.job}/{stage}; the list in schemas/ledger.py is {listed}"
            )
        if n:
            counts[reason] = counts.get(reason, 0) + n
