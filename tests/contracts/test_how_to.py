"""The how-to of events shows code that is really there."""

import re
import textwrap
from pathlib import Path

import pytest

from services.manifests import ROOT

PAGE = (ROOT / "docs" / "add-an-event.md").read_text()
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)]
SOURCES = [*(ROOT / "tests" / "demo").rglob("*.py"), ROOT / "tests" / "kit" / "test_http_contract.py"]


def found_in(path: Path, block: str) -> bool:
    """Whether the lines of `block` stand in a file, one after the other, at any indentation."""
    lines = "\n".join(line.strip() for line in path.read_text().splitlines())
    return "\n".join(line.strip() for line in block.strip().splitlines()) in lines


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_a_block_of_code_stands_in_the_demo_service_or_its_tests(block: str) -> None:
    assert any(found_in(path, block) for path in SOURCES)


def test_every_step_shows_code() -> None:
    assert len(BLOCKS) == 5
