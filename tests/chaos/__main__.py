"""`make chaos`: a recorded run of kills. `python -m tests.chaos --kills 100 --seed 7`."""

import argparse
import asyncio
import sys
import time

from tests.chaos.run import run

parser = argparse.ArgumentParser(prog="chaos")
parser.add_argument("--kills", type=int, default=100)
parser.add_argument("--seed", type=int, default=int(time.time()))
arguments = parser.parse_args()
print(f"seed {arguments.seed}")
report = asyncio.run(run(arguments.kills, arguments.seed, say=print))
for point, count in sorted(report.kills.items()):
    print(f"{point:<24} {count:>4} kills")
verdict = report.verdict
print(f"{report.requests:,} requests, {report.repeats:,} of them repeats")
print(f"{verdict.orders:,} orders, {verdict.events:,} events in the journal")
print(f"{len(verdict.lost)} lost, {len(verdict.doubled)} doubled, {len(verdict.reordered)} reordered")
print(f"recovery: longest {max(report.recoveries):.2f} s, mean {sum(report.recoveries) / len(report.recoveries):.2f} s")
for finding in (*verdict.lost, *verdict.doubled, *verdict.reordered)[:20]:
    print(" ", finding)
sys.exit(0 if report.holds else 1)
