"""The demo service may be imported at the top: its contracts stand for those that somebody is about to add."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
