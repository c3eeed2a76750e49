"""A newcomer follows the README, and the how-to that goes on from it, in a fresh clone: every command gives what is printed."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.company import ROOT, fresh_folder

FOLLOWED = ("README.md", "docs/close-the-loop.md")
ANYTHING = "…"
SET_UP_SECONDS = 600
MARK = "-- end of output --"


def steps_of(readme: str) -> list[tuple[str, str]]:
    """The commands of the console blocks, each with the output that is printed below it."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```console\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            last = next(n for n, line in enumerate(lines) if not line.endswith(("\\", ",")))
            found.append(("\n".join(lines[: last + 1]), "\n".join(lines[last + 1 :]).strip()))
    return found


def matches(printed: str, expected: str) -> bool:
    """Whether an output is the expected one, `…` standing for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split(ANYTHING)), printed.strip(), flags=re.DOTALL) is not None


@contextlib.contextmanager
def following(folder: Path, log: Path) -> Iterator[None]:
    """`make run` in `folder`, once it says where it answers; ended by Ctrl-C, as a person does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MITRA_", "VIRTUAL_ENV", "PYTHONPATH"))}
    with log.open("wb") as output:
        process = subprocess.Popen(["make", "run"], cwd=folder, env=kept, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + SET_UP_SECONDS
        while "Mitra answers at" not in log.read_text():
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


@pytest.mark.timeout(900)
def test_the_readme_followed_to_the_letter_gives_what_it_prints() -> None:
    with fresh_folder() as folder:
        clone = folder / "mitra"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        steps = [step for text in FOLLOWED for step in steps_of((clone / text).read_text())]
        assert sum("curl" in command for command, _ in steps_of((clone / "README.md").read_text())) == 6
        with following(clone, folder / "run.log"):
            script = "".join(f"{command}\necho '{MARK}'\n" for command, _ in steps)
            done = subprocess.run(["bash", "-c", script], cwd=clone, capture_output=True, text=True, timeout=120, check=True)
        outputs = [output.strip() for output in done.stdout.split(MARK)]
        faults = [
            f"$ {command}\n  printed {output[:600]}\n  expected {expected}"
            for (command, expected), output in zip(steps, outputs, strict=False)
            if not matches(output, expected)
        ]
        assert faults == []


def test_a_wrong_output_is_noticed() -> None:
    assert matches('{"a":1,"b":2}\n', '{"a":…}')
    assert not matches('{"a":1,"b":2}', '{"a":1}')
    assert steps_of("```console\n$ one \\\n  more\nout …\n\n$ two\n```\n") == [("one \\\n  more", "out …"), ("two", "")]
