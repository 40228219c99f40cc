"""What every pass of dedupe does with what is not its work: the ledger's values travel on, under a key of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam

PASSING = ""
"""The key of what goes through to the last pass that needs it; works' keys are numbers."""


class Pass(beam.DoFn):
    """One pass: each key is a unit of work for `work`; the values of PASSING go on as they are."""

    def process(self, element: tuple[str, Iterable[bytes]]) -> Iterator[tuple[str, bytes]]:
        """Called by Beam with one group."""
        key, values = element
        if key == PASSING:
            for value in values:
                yield key, value
        else:
            yield from self.work(key, values)

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Do the unit `key` with what the pass before said of it."""
        raise NotImplementedError
