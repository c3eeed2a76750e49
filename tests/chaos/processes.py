"""The two processes under test, each killed at a named point or at random and started again."""

import asyncio
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from services.failpoints import POINTS
from services.settings import Settings
from services.up import environment

READY_SECONDS = 120.0
AT_RANDOM = "at random"
WRITE_POINTS = tuple(point for point in POINTS if point.startswith("write."))
WORK_POINTS = tuple(point for point in POINTS if not point.startswith("write."))


@dataclass
class Processes:
    """`mitra serve --all` and `mitra work --all` on one database server. What they log goes to a file each in `logs`."""

    settings: Settings
    port: int
    dice: random.Random
    logs: Path
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, name: str, *, point: str | None = None) -> None:
        """Start a process; with `point`, one that kills itself there, soon."""
        arguments = {"serve": ["serve", "--all", "--port", str(self.port)], "work": ["work", "--all"]}[name]
        env = environment(self.settings)
        if point is not None:
            env["MITRA_FAIL_POINTS"] = json.dumps({point: 0.02 if name == "serve" else 0.2})
            env["MITRA_FAIL_SEED"] = str(self.dice.randrange(2**31))
        command = [sys.executable, "-m", "services.command", *arguments, "--parent", str(os.getpid())]
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = await asyncio.create_subprocess_exec(*command, env=env, stderr=log)

    async def ready(self) -> None:
        """Return when the front answers. Raises TimeoutError after two minutes."""
        async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    async def kill(self, point: str) -> float:
        """Have one process die at `point` (or at once, at random), then start it again whole; answers when it died."""
        name = "serve" if point in WRITE_POINTS else "work"
        if point == AT_RANDOM:
            name = self.dice.choice(("serve", "work"))
            self.running[name].send_signal(signal.SIGKILL)
        else:
            await self.stop(name)
            await self.start(name, point=point)
        async with asyncio.timeout(60):
            code = await self.running[name].wait()
        died_at = time.perf_counter()
        assert code == -signal.SIGKILL, f"{name} ended with {code} instead of being killed at {point}"
        await self.start(name)
        return died_at

    async def stop(self, name: str) -> None:
        """End a process in the ordinary way."""
        process = self.running[name]
        process.send_signal(signal.SIGTERM)
        await process.wait()

    def check(self) -> None:
        """Whatever else dies, these two live on by themselves."""
        for name, process in self.running.items():
            assert process.returncode is None, f"{name} ended with {process.returncode} although nobody killed it"

    async def kill_all(self) -> None:
        """End whatever still runs, at once."""
        alive = [process for process in self.running.values() if process.returncode is None]
        for process in alive:
            process.kill()
        for process in alive:
            await process.wait()
