"""What a run tells its user: progress as it goes, and the notes that a result has to carry."""

from __future__ import annotations

import sys


class Journal:
    """Progress and notes go to standard error, unless `quiet`; notes are kept for the result too."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self.notes: list[str] = []

    def progress(self, line: str) -> None:
        """What is being done now."""
        if not self._quiet:
            print(line, file=sys.stderr, flush=True)

    def note(self, line: str) -> None:
        """What a reader of the result has to know; a note told before is not told again."""
        if line not in self.notes:
            self.notes.append(line)
            self.progress(f"note: {line}")
