"""`make chaos`: a recorded run of kills. `python -m tests.chaos --kills 200 --seed 7 --bus kafka --brokers 3`."""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.run import run
from tests.kafka.broker import started_cluster

parser = argparse.ArgumentParser(prog="chaos")
parser.add_argument("--kills", type=int, default=100)
parser.add_argument("--bus", choices=("postgres", "kafka"), default="postgres")
parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="of Kafka; with three, leaders are killed too")
parser.add_argument("--processes-only", action="store_true", help="leave the database server and the brokers alone")
parser.add_argument("--seed", type=int, default=int(time.time()))
parser.add_argument("--logs", type=Path, help="a folder that keeps what the processes log")
arguments = parser.parse_args()
print(f"seed {arguments.seed}")
with tempfile.TemporaryDirectory(prefix="mitra-kafka-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
    cluster = stack.enter_context(started_cluster(Path(folder), arguments.brokers)) if arguments.bus == "kafka" else None
    machines = not arguments.processes_only
    report = asyncio.run(run(arguments.kills, arguments.seed, say=print, cluster=cluster, machines=machines, logs=arguments.logs))
for point, count in sorted(report.kills.items()):
    print(f"{point:<24} {count:>4} kills, recovery {report.slowest[point]:.2f} s at the longest")
verdict = report.verdict
print(f"{report.requests:,} requests, {report.repeats:,} of them repeats")
print(f"{verdict.orders:,} orders, {verdict.events:,} events in the journal")
print(f"{len(verdict.lost)} lost, {len(verdict.doubled)} doubled, {len(verdict.reordered)} reordered")
print(f"recovery: longest {max(report.recoveries):.2f} s, mean {sum(report.recoveries) / len(report.recoveries):.2f} s")
for finding in (*verdict.lost, *verdict.doubled, *verdict.reordered)[:20]:
    print(" ", finding)
sys.exit(0 if report.holds else 1)
