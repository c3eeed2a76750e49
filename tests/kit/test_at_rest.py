"""What the processes of Mitra load at their start: nothing of what only a child of the history, Kafka or a scrape needs."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["aiohttp", "aiokafka", "alembic", "deltalake", "duckdb", "ibis", "pandas", "prometheus_client", "pyarrow"]
PROGRAM = f"""
import json, sys
import services.command, services.serving, services.worker
from services.manifests import discover
built = [router for manifest in discover() for router in manifest.routers()]
print(json.dumps([len(built) > 30, [name for name in {HEAVY} if name in sys.modules]]))
"""


def test_web_and_worker_load_what_they_need_at_rest_and_no_more() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == [True, []]
