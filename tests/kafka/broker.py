"""Real Apache Kafka brokers for tests, one or three, from the jars that Maven fetches: started when asked for, ended with the run."""

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

POM = Path(__file__).parent / "pom.xml"
START_SECONDS = 60.0
END_SECONDS = 30.0
FETCH_SECONDS = 900.0
JAVA = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=BROKER://127.0.0.1:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
log.dirs={folder}/data
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
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


def archived_classes(jars: Path) -> Path:
    """The classes that a broker has loaded, as the JVM maps them into the next: it computes 1.2 s until it listens instead of 2.
    Raises NoBroker.
    """
    archive = jars.with_name(f"{jars.name}.jsa")
    if not archive.exists():
        fresh = jars.with_name(f"{jars.name}.{os.getpid()}.jsa")
        with tempfile.TemporaryDirectory(prefix="mitra-kafka-", ignore_cleanup_errors=True) as folder:
            cluster = Cluster(Path(folder), 1, jars=jars, options=[f"-XX:ArchiveClassesAtExit={fresh}"])
            cluster.start()
            cluster.stop()
        fresh.replace(archive)
    return archive


@dataclass(frozen=True)
class Seat:
    """Where a broker of a cluster listens, as a broker and as a controller."""

    node: int
    port: int
    controller: int


class Broker:
    """One broker that is a controller too, alone or with its `fellows`. It keeps its ports and its data from one start to the next."""

    def __init__(self, folder: Path, seat: Seat, fellows: Sequence[Seat], *, cluster_id: str, java: Sequence[str]) -> None:
        self._java_command = java
        self._folder = folder
        self.seat = seat
        self._count = len(fellows)
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = folder / "server.properties"
        voters = ",".join(f"{each.node}@127.0.0.1:{each.controller}" for each in fellows)
        places = {"node": seat.node, "port": seat.port, "controller": seat.controller, "voters": voters, "folder": folder}
        self._properties.write_text(PROPERTIES.format(**places, replicas=self._count, in_sync=self._count // 2 + 1))
        self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(self._properties)).wait(START_SECONDS)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.seat.port}"

    @property
    def url(self) -> str:
        """The address of the bus."""
        return f"kafka://{self.address}?replicas={self._count}"

    def start(self) -> None:
        """Return when the broker listens. Raises NoBroker with the end of its log."""
        self.launch()
        self.await_listening()

    def launch(self) -> None:
        """Start it; it listens once most of the controllers are there."""
        self._process = self._java("kafka.Kafka", str(self._properties))

    def await_listening(self) -> None:
        """Return when it listens. Raises NoBroker with the end of its log."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self.seat.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoBroker(f"the broker did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        """Signal it and return at once."""
        if self._process is not None and self.is_running:
            self._process.send_signal(number)

    def stop(self, *, number: int = signal.SIGTERM) -> None:
        """End the broker; with SIGKILL as a machine does that loses its power."""
        if self._process is not None and self.is_running:
            self._process.send_signal(number)
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _java(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen([*self._java_command, *command], cwd=self._folder, stdout=log, stderr=log)


class Cluster:
    """Brokers that hold every topic together; one of three may go at any time."""

    def __init__(self, folder: Path, count: int, *, jars: Path, options: Sequence[str]) -> None:
        java = ["java", *JAVA, *options, "-cp", f"{jars}/*"]
        ports = _free_ports(2 * count)
        seats = [Seat(number + 1, ports[2 * number], ports[2 * number + 1]) for number in range(count)]
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        for seat in seats:
            (folder / str(seat.node)).mkdir()
        self.brokers = [Broker(folder / str(seat.node), seat, seats, cluster_id=cluster_id, java=java) for seat in seats]

    @property
    def url(self) -> str:
        """The address of the bus: all brokers."""
        return f"kafka://{','.join(broker.address for broker in self.brokers)}?replicas={len(self.brokers)}"

    def start(self) -> None:
        """Start what does not run, and return when all listen. Raises NoBroker."""
        for broker in self.brokers:
            if not broker.is_running:
                broker.launch()
        for broker in self.brokers:
            broker.await_listening()

    def stop(self, *, number: int = signal.SIGTERM) -> None:
        """End all brokers."""
        for broker in self.brokers:
            broker.send(number)
        for broker in self.brokers:
            broker.stop(number=number)


@contextlib.contextmanager
def started_cluster(folder: Path, count: int) -> Iterator[Cluster]:
    """Brokers that keep their data in `folder`, ended with the context. Raises NoBroker."""
    jars = fetched_jars()
    cluster = Cluster(folder, count, jars=jars, options=[f"-XX:SharedArchiveFile={archived_classes(jars)}"])
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@contextlib.contextmanager
def started_broker(folder: Path) -> Iterator[Broker]:
    """A broker that keeps its data in `folder`, ended with the context. Raises NoBroker."""
    with started_cluster(folder, 1) as cluster:
        yield cluster.brokers[0]


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
