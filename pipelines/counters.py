"""The ledger's counts as counters of the runner's own: what Dataflow and other runners show while a job works.

The ledger in the manifest is what counts; a runner may drop or repeat its counters, and Dask has none.
"""

from __future__ import annotations

from apache_beam.metrics import Metrics

from schemas.ledger import Ledger


def count(ledger: Ledger) -> None:
    """Add the counts of one unit to the counters `stage/read`, `stage/kept` and `stage/reason`.

    For a DoFn's `process`; elsewhere, and on runners without metrics, it does nothing.
    """
    for name, stage in ledger.stages.items():
        for what, n in {"read": stage.read, "kept": stage.kept, **stage.dropped, **stage.failed}.items():
            if n:
                Metrics.counter(name, what).inc(n)
