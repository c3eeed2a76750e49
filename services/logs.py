"""Logs as JSON lines on standard error: ids and types, never personal values, with the correlation id of the request."""

import logging
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import ExcInfo

from services.encoding import encode

SELDOM_SECONDS = 10.0
WITHOUT_LOCALS = ExceptionDictTransformer(show_locals=False, max_frames=30)


def configure(level: str) -> None:
    """Set the process up to log JSON lines at `level` and above, those of libraries from warnings on."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(traceback_of),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LibraryLine())
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def traceback_of(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """The types and places of an exception, its causes and its group, without what it says: that may hold a row's values."""
    return [_without_values(part) for part in WITHOUT_LOCALS(exc_info)]


def _without_values(part: dict[str, Any]) -> dict[str, Any]:
    grouped = [[_without_values(inner) for inner in chain] for chain in part["exceptions"]]
    return {"exc_type": part["exc_type"], "is_cause": part["is_cause"], "frames": part["frames"], "exceptions": grouped}


class Seldom(logging.Filter):
    """Lets through what a library says at a place once in ten seconds, with how often it was said meanwhile, and every exception.

    A client whose brokers are away complains six hundred times a second, and the machine may have better things to do just then.
    """

    def __init__(self) -> None:
        super().__init__()
        self._silent_until: dict[tuple[str, int], float] = {}
        self._left_out: Counter[tuple[str, int]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is written."""
        if record.exc_info:
            return True
        place = record.pathname, record.lineno
        if record.created < self._silent_until.get(place, 0.0):
            self._left_out[place] += 1
            return False
        self._silent_until[place] = record.created + SELDOM_SECONDS
        record.left_out = self._left_out.pop(place, 0)
        return True


class LibraryLine(logging.Formatter):
    """A library's record as one JSON line: who and how grave, and where it failed; its message may hold values and is left out."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of `record`."""
        line: dict[str, Any] = {
            "event": "library",
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            "place": f"{record.module}.{record.funcName}:{record.lineno}",
        }
        if left_out := getattr(record, "left_out", 0):
            line["left_out"] = left_out
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = traceback_of(record.exc_info)
        return encode(line).decode()
