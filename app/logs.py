"""JSON logs, one event a line, that can not hold a patient: only fields on a list pass, and no free text from data.

The log is for whoever runs the machine; what people did stands in the audit trail.
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

# Everything else is dropped. `words` and exceptions have rules of their own below.
ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "logger", "request", "method", "route", "status", "ms", "station", "tick",
        "kind", "fault", "where", "errno", "build", "port", "state", "ready", "lacking", "count", "version",
    }
)  # fmt: skip

# What a database or the system says may quote a patient's name; only phrases known beforehand are repeated.
PHRASES = (
    "database or disk is full", "No space left on device", "disk I/O error", "database is locked",
    "attempt to write a readonly database", "unable to open database file", "database disk image is malformed",
    "UNIQUE constraint failed", "FOREIGN KEY constraint failed", "CHECK constraint failed",
    "NOT NULL constraint failed", "is append-only", "does not follow the entry before it",
    "duplicate key value violates unique constraint", "violates foreign key constraint", "violates check constraint",
    "violates not-null constraint", "permission denied", "could not extend file", "deadlock detected",
    "canceling statement due to lock timeout", "canceling statement due to statement timeout",
    "connection refused", "server closed the connection unexpectedly", "the connection is closed",
    "terminating connection", "no such table", "does not exist", "Connection reset", "Broken pipe",
    "Permission denied", "Read-only file system", "Input/output error", "timed out",
)  # fmt: skip

_NAME = re.compile(r"[A-Za-z0-9 _.,:;/{}()\[\]'+%-]{1,120}")
ROOT = Path(__file__).parent.parent


def known_phrase(words: str) -> str | None:
    """The known phrase in what a database or the system said; None where there is none."""
    return next((phrase for phrase in PHRASES if phrase in words), None)


def frames(error: BaseException) -> str:
    """Where an exception came from, innermost last: files, lines and functions, never a message or a value."""
    told = []
    for frame in traceback.extract_tb(error.__traceback__)[-12:]:
        path = Path(frame.filename)
        short = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(*path.parts[-2:])
        told.append(f"{short.as_posix()}:{frame.lineno} {frame.name}")
    return " > ".join(told)


def safe_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """Let only listed fields pass, each as a number or a short plain text; an exception becomes its kind and place."""
    kept: dict[str, Any] = {}
    for name, value in event.items():
        if name == "words":
            kept["fault"] = known_phrase(str(value)) or "not told here"
        elif name in ("exc_info", "exception") and value:
            error = _exception(value)
            if error is not None:
                kept["kind"], kept["where"] = type(error).__name__, frames(error)
        elif name in ALLOWED and (value is None or isinstance(value, (int, float, bool))):
            kept[name] = value
        elif name in ALLOWED:
            text = str(value)
            kept[name] = text if name in ("event", "where", "timestamp") or _NAME.fullmatch(text) else "not told here"
    return kept


def _exception(value: Any) -> BaseException | None:
    if isinstance(value, BaseException):
        return value
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[1], BaseException):
        return value[1]
    return sys.exc_info()[1]


def _only_safe(logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return safe_fields(event)


class Lines(logging.Handler):
    """What libraries log: their name, level and fixed text, never the values that they put into it."""

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = {"logger": record.name, "exc_info": record.exc_info}
        told = record.msg if isinstance(record.msg, str) and (record.args or _ours(record.name)) else record.levelname
        structlog.get_logger().log(record.levelno, told.splitlines()[0][:200] if told else "", **facts)


def _ours(name: str) -> bool:
    # uvicorn's own messages are fixed texts with colours; other libraries may have put values into theirs.
    return name.split(".")[0] in ("laminar", "uvicorn")


def set_up(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line, ours and the libraries', to `stream` (standard error) as safe JSON."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_safe,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [Lines()]
    root.setLevel(max(number, logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    # A library's routine is of no use to whoever runs this; its troubles are.
    for name in ("alembic", "psycopg", "sqlalchemy", "httpx", "PIL"):
        logging.getLogger(name).setLevel(logging.WARNING)
