"""Nothing is left for later in the code: an issue is where it belongs."""

import re
from pathlib import Path

from tests.architecture.rules.tree import modules

MARK = re.compile(r"\b(TODO|FIXME)\b")


def violations(root: Path) -> list[str]:
    """Every line with such a mark, in code, comment or string."""
    return [
        f"{module.at(number)}: {mark.group()} is an issue, not a line"
        for module in modules(root)
        for number, line in enumerate(module.text.splitlines(), start=1)
        if (mark := MARK.search(line))
    ]
