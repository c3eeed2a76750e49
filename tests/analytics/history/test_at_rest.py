"""What the processes of Mitra load at their start: nothing of what only a child of the history needs."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ["deltalake", "duckdb", "ibis", "pandas", "pyarrow"]
PROGRAM = f"""
import json, sys
import services.command, services.serving, services.worker
from services.manifests import discover
built = [router for manifest in discover() for router in manifest.routers()]
print(json.dumps([len(built) > 30, [name for name in {HEAVY} if name in sys.modules]]))
"""


def test_web_and_worker_load_no_library_of_the_history() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == [True, []]
