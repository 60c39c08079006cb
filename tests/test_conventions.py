"""The house rules, checked by machine: directions of imports, one safe opener, no pickles, documented settings."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("curation", "scoring", "objectstore")
TIES = ("scoring/tasks.py", "scoring/worker/")  # the one place that knows both sides


def sources(*packages: str) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def offenders(paths: list[Path], forbidden: tuple[str, ...]) -> list[str]:
    return [f"{shown(p)}: {name}" for p in paths for name in imports(p) if name.split(".")[0] in forbidden]


def test_it_keeps_the_engine_free_of_the_web() -> None:
    engine = [path for path in sources("scoring") if not shown(path).startswith(TIES)]
    assert not offenders(engine, ("django", "celery", "curation", "objectstore"))


def test_it_keeps_the_web_free_of_the_engine() -> None:
    assert not offenders(sources("curation"), ("torch", "av", "objectstore"))


def test_it_keeps_the_object_store_alone() -> None:
    assert not offenders(sources("objectstore"), ("django", "celery", "curation", "scoring", "boto3", "torch"))


def test_it_never_loads_torch_or_av_in_the_web_process() -> None:
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'curation.settings'; import curation.wsgi;"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "import curation.tasks; print([m for m in ('torch', 'av') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_it_opens_media_in_one_place_only() -> None:
    calls = [shown(p) for p in sources(*PACKAGES) if re.search(r"\bav\.open\(", p.read_text())]
    writers = [p for p in calls if p.startswith("scoring/demo/")]  # these write footage, they open nothing foreign
    assert [p for p in calls if p not in writers] == ["scoring/media.py"]


@pytest.mark.parametrize(
    "call", ["torch.load", "pickle.load", "pickle.loads", "joblib.load", "torch.export.load", "eval", "exec"]
)
def test_it_never_unpickles(call: str) -> None:
    for path in sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) != call, shown(path)


def test_it_marks_no_data_as_safe_html() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        assert "|safe" not in path.read_text() and "autoescape off" not in path.read_text(), shown(path)


def test_it_has_no_inline_script_or_style() -> None:
    inline = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|\sstyle=|\son\w+=|javascript:|hx-on", re.I)
    for path in (ROOT / "templates").rglob("*.html"):
        assert not inline.search(path.read_text()), shown(path)


def test_it_keeps_vendored_files_as_published() -> None:
    table = (ROOT / "static/vendor/README.md").read_text()
    rows = re.findall(r"^\| (\S+\.(?:js|css)) \|.*\| ([0-9a-f]{64}) \|$", table, re.M)
    assert len(rows) == 3
    for name, digest in rows:
        assert hashlib.sha256((ROOT / "static/vendor" / name).read_bytes()).hexdigest() == digest, name


def settings_read() -> set[str]:
    """Names of environment variables that the code reads."""
    pattern = re.compile(r"""(?:\benv|env_flag|env_list|environ\.get|environ)[(\[]\s*["']([A-Z][A-Z0-9_]+)["']""")
    paths = [*sources("curation", "scoring", "objectstore"), ROOT / "dev.py"]
    names = {name for path in paths for name in pattern.findall(path.read_text())}
    of_torchrun = {"RANK", "LOCAL_RANK"}
    system = {"PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "CI"}
    return names - of_torchrun - system - {"DJANGO_SETTINGS_MODULE"}


@pytest.mark.parametrize("place", [".env.example", "docs/settings.md"])
def test_it_documents_every_setting(place: str) -> None:
    text = (ROOT / place).read_text()
    assert not [name for name in sorted(settings_read()) if name not in text]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{shown(path)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_it_keeps_functions_and_files_small() -> None:
    sizes = {name: lines for path in sources(*PACKAGES) for name, lines in functions(path)}
    ordered = sorted(sizes.values())
    assert statistics.median(ordered) <= 10
    assert ordered[int(len(ordered) * 0.9)] <= 30
    assert not {name: lines for name, lines in sizes.items() if lines > 60}
    files = {shown(p): sum(1 for line in p.read_text().splitlines() if line.strip()) for p in sources(*PACKAGES)}
    assert not {name: lines for name, lines in files.items() if lines > 300}


def run(*command: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False
    )
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def test_it_passes_ruff() -> None:
    assert not run("ruff", "check", ".")
    assert not run("ruff", "format", "--check", ".")


def test_it_passes_mypy_strict() -> None:
    assert not run("mypy", ".")


def test_it_has_a_migration_for_every_change() -> None:
    command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_it_passes_djangos_deployment_checks() -> None:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    keys = {"HTTPS": "1", "SECRET_KEY": os.urandom(40).hex()}
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | keys, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
