"""The audit's rules: what is measured of a pair set, how it is summed up, and how the report shows it.

Plain functions and mergeable summaries over Arrow tables; `pipelines/audit.py` runs them over a set of any size.
"""

from miners.audit.figures import audit_figures
from miners.audit.gates import Gates, parse_gates
from miners.audit.report import render_report
from miners.audit.summary import SUMMARY_COLUMNS, AuditConfig, Summary

__all__ = [
    "SUMMARY_COLUMNS",
    "AuditConfig",
    "Gates",
    "Summary",
    "audit_figures",
    "parse_gates",
    "render_report",
]
