"""A real Apache Kafka broker for tests, from the jars that Maven fetches: started when first asked for, ended with the run."""

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

POM = Path(__file__).parent / "pom.xml"
START_SECONDS = 60.0
END_SECONDS = 30.0
FETCH_SECONDS = 900.0
JAVA = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=BROKER://127.0.0.1:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
"""


class NoBroker(RuntimeError):
    """No broker can be run here, or it did not start; says why."""


def missing_tools() -> list[str]:
    """What has to be installed before a broker can run here."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


def fetched_jars() -> Path:
    """The folder of the broker's jars, fetched by Maven where it is missing. Raises NoBroker."""
    version = ElementTree.parse(POM).findtext("{*}properties/{*}kafka.version")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mitra"
    jars = cache / f"kafka-{version}"
    if not jars.exists():
        fresh = cache / f"kafka-{version}.{os.getpid()}"
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        command = ["mvn", "-q", "-B", "-f", str(POM), *copy]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=FETCH_SECONDS)
        if done.returncode:
            raise NoBroker(f"Maven could not fetch the broker: {(done.stdout + done.stderr)[-2000:]}")
        with contextlib.suppress(OSError):  # another run was faster
            fresh.replace(jars)
    return jars


class Broker:
    """One broker that is its own controller. It keeps its ports and its data from one start to the next."""

    def __init__(self, folder: Path) -> None:
        self._jars = fetched_jars()
        self._folder = folder
        self._port, self._controller = _free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = folder / "server.properties"
        self._properties.write_text(PROPERTIES.format(port=self._port, controller=self._controller, folder=folder))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._properties)).wait(START_SECONDS)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The address of the bus."""
        return f"kafka://{self.address}?replicas=1"

    def start(self) -> None:
        """Return when the broker listens. Raises NoBroker with the end of its log."""
        self._process = self._java("kafka.Kafka", str(self._properties))
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoBroker(f"the broker did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, *, number: int = signal.SIGTERM) -> None:
        """End the broker; with SIGKILL as a machine does that loses its power."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _java(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(["java", *JAVA, "-cp", f"{self._jars}/*", *command], cwd=self._folder, stdout=log, stderr=log)


@contextlib.contextmanager
def started_broker(folder: Path) -> Iterator[Broker]:
    """A broker that keeps its data in `folder`, ended with the context. Raises NoBroker."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
