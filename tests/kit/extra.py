"""Makes another service out of the demo service: the same code under another name, noun, topic and path, in any folder."""

import shutil
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1] / "demo" / "demo_svc"
RENAMED = (
    ("demo_svc", "{name}_svc"),
    ("demo_0001", "{name}_0001"),
    ("crm.demo", "crm.{name}"),
    ('"demo.', '"{name}.'),
    ('name="demo"', 'name="{name}"'),
    ("8091", "8092"),
    ("thing", "{noun}"),
    ("Thing", "{Noun}"),
)


def make_service(folder: Path, name: str, *, noun: str) -> Path:
    """Write the package `<name>_svc` into `folder`, which MITRA_SERVICES_PATH may then name; answers the package's folder."""
    package = folder / f"{name}_svc"
    shutil.copytree(DEMO, package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted(package.rglob("*.py")):
        text = path.read_text()
        for old, new in RENAMED:
            text = text.replace(old, new.format(name=name, noun=noun, Noun=noun.capitalize()))
        path.write_text(text)
    for path in sorted(package.rglob("*thing*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.replace("thing", noun)))
    return package
