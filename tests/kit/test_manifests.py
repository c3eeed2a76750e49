"""Manifests: found in folders, told apart by their segments, and all that the kit needs to know of a service."""

import dataclasses
import re
from pathlib import Path

import pytest
from demo_svc.manifest import manifest as demo

from services import up
from services.application import create_app
from services.manifests import ROOT, Noun, SegmentTaken, discover, get_manifest
from services.serving import build_application
from services.settings import Settings
from tests.harness import Mitra

CLASH = '''"""A service that wants a segment of another."""
from services.manifests import Manifest, Noun
manifest = Manifest(name="{name}", package="{name}_svc", port=8099, nouns=[Noun("part", "parts")], routers=list)
'''


def plant(folder: Path, *names: str) -> str:
    for name in names:
        (folder / f"{name}_svc").mkdir()
        (folder / f"{name}_svc" / "__init__.py").write_text(f'"""{name}."""\n')
        (folder / f"{name}_svc" / "manifest.py").write_text(CLASH.format(name=name))
    return str(folder)


def test_a_folder_with_a_manifest_is_a_service(mitra: Mitra) -> None:
    found = discover(mitra.settings.services_path or str(ROOT / "tests" / "demo"))
    assert demo in found
    assert [manifest.name for manifest in found] == sorted({manifest.name for manifest in found})
    assert (demo.segments, demo.topics) == (frozenset({"things", "demo-jobs"}), frozenset({"crm.demo"}))
    assert demo.migrations == ROOT / "tests" / "demo" / "demo_svc" / "migrations"


def test_two_services_with_one_segment_are_refused_at_the_start(tmp_path: Path) -> None:
    folder = plant(tmp_path, "left", "right")
    with pytest.raises(SegmentTaken, match="/v1/parts is answered by left and by right"):
        discover(folder)
    with pytest.raises(SegmentTaken):
        up.selected(Settings(services_path=folder), "left", everything=False)


def test_an_unknown_service_is_told_who_is_there() -> None:
    with pytest.raises(LookupError, match=r"there is no service 'nobody'; there are .*demo"):
        get_manifest("nobody", str(ROOT / "tests" / "demo"))
    with pytest.raises(LookupError, match=r"name a service: .*demo"):
        up.selected(Settings(services_path=str(ROOT / "tests" / "demo")), None, everything=False)
    assert up.selected(Settings(services_path=str(ROOT / "tests" / "demo")), "demo", everything=False) == (demo,)


def test_services_without_a_front_are_not_served_together(mitra: Mitra) -> None:
    rival = dataclasses.replace(demo, name="rival", nouns=[Noun("part", "parts")])
    with pytest.raises(LookupError, match="front"):
        build_application([demo, rival], mitra.settings)


def test_an_application_answers_what_its_manifest_names_and_nothing_else(mitra: Mitra) -> None:
    paths = set(create_app(demo, mitra.settings).openapi()["paths"])
    assert {path.split("/")[2] for path in paths} == demo.segments


def test_every_operation_has_a_stable_name_a_scope_a_description_and_problems(mitra: Mitra) -> None:
    for name, app in mitra.apps.items():
        operations = [operation for path in app.openapi()["paths"].values() for operation in path.values()]
        assert len({operation["operationId"] for operation in operations}) == len(operations)
        for operation in operations:
            noun, _, verb = operation["operationId"].partition(".")
            assert noun, (name, operation)
            assert verb, (name, operation)
            assert re.fullmatch(r"[a-z][a-z-]*:[a-z]+", operation["x-scope"]), operation["operationId"]
            assert operation["description"].strip(), operation["operationId"]
            assert {"401", "403", "404", "422"} <= set(operation["responses"]), operation["operationId"]
