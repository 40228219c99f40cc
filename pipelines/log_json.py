"""`--log-json`: what a job says on stderr as one JSON object a line, for machines; as sentences where it is not given.

Every line has `time` (UTC), `level`, `job`, `run`, `event` and `message`; events have fields of their own. Warnings and
errors of libraries and of local workers come as lines too. What a job prints on stdout, its result, stays as it is.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec

from apache_beam.portability.api import beam_fn_api_pb2
from google.protobuf import text_format

FLAG = "--log-json"
P = ParamSpec("P")
WORKER_LEVELS = {"WARN": "WARNING", "NOTICE": "INFO", "TRACE": "DEBUG", "UNSPECIFIED": "INFO"}
_LOGGER = logging.getLogger("pairmill")
_FIELDS = "pairmill_fields"
# Beam's driver logs each entry of a local worker process here, as the text of its protocol buffer.
_BEAM_WORKERS = logging.getLogger("apache_beam.runners.portability.local_job_service")
_WORKER_MESSAGE = "Worker: %s"
_LOG: list[JsonLog] = []
"""The log of the job that runs in this process; empty without `--log-json`."""


class JsonLog(logging.Handler):
    """Writes records as lines of JSON to wherever `sys.stderr` is at that time."""

    def __init__(self, job: str) -> None:
        super().__init__(logging.WARNING)
        self.job, self.run, self.began = job, uuid.uuid4().hex, time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging. What cannot be written is lost: a log must not end a job."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "job": self.job,
            "run": self.run,
            "event": "log",
            **_said(record),
        }
        try:
            sys.stderr.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    def tell(self, level: int, event: str, message: str, fields: dict[str, Any]) -> None:
        """A line of the job's own, whatever its level."""
        record = _LOGGER.makeRecord(_LOGGER.name, level, "", 0, message, (), None)
        setattr(record, _FIELDS, {"event": event, "message": message, **fields})
        self.handle(record)


def begin(program: str, tokens: Sequence[str]) -> None:
    """Start the log where the flag is among the command line's tokens; `program` is such as `pairmill dedupe`."""
    end()
    if FLAG in tokens:
        log = JsonLog(program.removeprefix("pairmill "))
        _LOG.append(log)
        logging.getLogger().addHandler(log)
        logging.captureWarnings(True)
        _BEAM_WORKERS.setLevel(logging.WARNING)


def end() -> None:
    """Stop the log, where there is one."""
    while _LOG:
        logging.getLogger().removeHandler(_LOG.pop())
        logging.captureWarnings(False)
        _BEAM_WORKERS.setLevel(logging.NOTSET)


def is_on() -> bool:
    """Whether this process writes such a log."""
    return bool(_LOG)


def bind(run_id: str) -> None:
    """From here on the lines bear the run id that the manifest will have."""
    for log in _LOG:
        log.run = run_id


def event(name: str, message: str = "", **fields: Any) -> None:
    """Something happened that only machines want to know of."""
    for log in _LOG:
        log.tell(logging.INFO, name, message, fields)


def warn(message: str, **fields: Any) -> None:
    """Something that a person should know of and that ends nothing; on stderr either way."""
    _tell(logging.WARNING, "warning", message, fields)


def fail(message: str, **fields: Any) -> None:
    """Why the job ends; on stderr either way."""
    _tell(logging.ERROR, "error", message, fields)


def ending(run: Callable[P, int]) -> Callable[P, int]:
    """A function that runs a whole job and gives its exit status: with its end the log ends too."""

    @wraps(run)
    def until_the_end(*args: P.args, **given: P.kwargs) -> int:
        try:
            status = run(*args, **given)
            for log in _LOG:
                event("ended", f"exit status {status}", status=status, seconds=round(time.monotonic() - log.began, 3))
            return status
        finally:
            end()

    return until_the_end


def _tell(level: int, name: str, message: str, fields: dict[str, Any]) -> None:
    if not _LOG:
        print(message, file=sys.stderr)
    for log in _LOG:
        log.tell(level, name, message.removeprefix("warning: "), fields)


def _said(record: logging.LogRecord) -> dict[str, Any]:
    """The event's own fields, or those of another library's or a worker's line."""
    if hasattr(record, _FIELDS):
        return getattr(record, _FIELDS)
    if record.msg == _WORKER_MESSAGE and record.args:
        return _said_by_worker(str(record.args[0]))
    said = {"message": record.getMessage(), "logger": record.name}
    if record.exc_info:
        said["trace"] = logging.Formatter().formatException(record.exc_info)
    return said


def _said_by_worker(text: str) -> dict[str, Any]:
    """The fields of one entry."""
    try:
        entry = text_format.Parse(text, beam_fn_api_pb2.LogEntry())
    except text_format.ParseError:
        return {"event": "worker", "message": text}
    level = beam_fn_api_pb2.LogEntry.Severity.Enum.Name(entry.severity)
    said = {
        "event": "worker",
        "level": WORKER_LEVELS.get(level, level),
        "message": entry.message,
        "logger": entry.log_location,
        "trace": entry.trace,
        "step": entry.transform_id,
    }
    return {name: value for name, value in said.items() if value}
