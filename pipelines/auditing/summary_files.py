"""The summaries of an audit's units, in temporary files: through the graph go their names alone.

A summary holds some megabytes of hashes, which a runner would keep several times. The names are fixed, so that an
attempt that runs twice replaces its own file, and that the files say how far the audit is.
"""

from __future__ import annotations

from dataclasses import dataclass

from miners.audit.summary import AuditConfig, Summary
from pipelines import storage
from pipelines.auditing.memory import give_back_memory


@dataclass(frozen=True)
class SummaryFiles:
    """A folder of summaries, all made with one config."""

    folder: str
    config: AuditConfig

    def put(self, kind: str, number: int, summary: Summary) -> str:
        """Write the summary of unit `number` of a pass; gives the name by which `merged` finds it."""
        name = f"{kind}-{number}"
        storage.write_over(storage.join(self.folder, name), summary.to_bytes())
        give_back_memory()
        return name

    def merged(self, names: list[str]) -> Summary:
        """All of them in one; each is read once."""
        whole = Summary(self.config)
        for name in sorted(set(names)):
            whole.merge(Summary.from_bytes(storage.read_bytes(storage.join(self.folder, name))))
        whole.compact()
        give_back_memory()
        return whole

    def clear(self) -> None:
        """Delete them all."""
        storage.delete([self.folder])
