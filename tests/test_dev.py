"""dev.py on a small clone: a real pip, a real .venv, and packages that lie in a folder instead of on a network."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import dev

SOURCE = Path(dev.__file__)
# Stands in for a Python of that age: what dev.py itself asks is sys.version_info.
AS_VERSION = (
    "import sys, runpy; sys.version_info = {version}; sys.argv = [{path!r}];"
    "runpy.run_path({path!r}, run_name='__main__')"
)
WITHOUT_ENSUREPIP = (
    "import sys, runpy; sys.modules['ensurepip'] = sys.modules['virtualenv'] = None;"
    "sys.argv = [{path!r}, 'up']; runpy.run_path({path!r}, run_name='__main__')"
)


def make_wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel with one module that knows its own version."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def make_clone(parent: Path) -> Path:
    """A folder with dev.py, two requirements, and a manage.py that says what it was asked; the wheels lie beside it."""
    folder = parent / "clone"
    wheels = parent / "wheels"
    folder.mkdir()
    wheels.mkdir()
    shutil.copy(SOURCE, folder)
    (folder / "requirements.txt").write_text("torch==1.0\nsmall==1.0\n")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (folder / "manage.py").write_text("import sys, torch, small\nprint(torch.version, small.version, sys.argv[1:])\n")
    for name, version in (("torch", "1.0"), ("torch", "1.0+cpu"), ("small", "1.0"), ("small", "2.0")):
        make_wheel(wheels, name, version)
    return folder


@dataclass
class FirstStart:
    clone: Path
    code: int
    said: str


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    """The first start in a fresh clone. Making a .venv takes seconds, so most tests go on from a copy of this one."""
    folder = make_clone(tmp_path_factory.mktemp("first"))
    return FirstStart(folder, *run(folder, "up", "--port", "8123"))


@pytest.fixture
def clone(tmp_path: Path, first_start: FirstStart) -> Path:
    """A clone that has been started once."""
    shutil.copytree(first_start.clone.parent, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy" / "clone"


def start(clone: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    """Start dev.py with nothing but the wheels to install from, and no network to look for others."""
    closed = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "PIP_CONFIG_FILE": os.devnull}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone.parent / "wheels"), "DEV_TORCH": "cpu"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.Popen(
        [sys.executable, str(clone / "dev.py"), *words],
        env={**kept, **closed, **offline, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(clone: Path, *words: str, **env: str) -> tuple[int, str]:
    process = start(clone, *words, **env)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def last_line(said: str) -> str:
    return said.strip().splitlines()[-1]


def test_it_installs_once_with_the_cpu_build_and_hands_over(first_start: FirstStart, clone: Path) -> None:
    assert (first_start.code, last_line(first_start.said)) == (0, "1.0+cpu 1.0 ['up', '--port', '8123']")
    assert "installing requirements.txt" in first_start.said
    began = time.monotonic()
    code, said = run(clone, "up")
    assert (code, said) == (0, "1.0+cpu 1.0 ['up']\n")
    assert time.monotonic() - began < 1.0


def test_it_installs_again_when_the_requirements_change_and_after_an_installation_that_was_cut_off(clone: Path) -> None:
    (clone / "requirements.txt").write_text("torch==1.0\nsmall==2.0\n")
    assert last_line(run(clone, "up")[1]) == "1.0+cpu 2.0 ['up']"
    # What a kill leaves: the mark, and a package that claims to be there and is not.
    next(clone.glob(".venv/lib/python3*/site-packages/small.py")).unlink()
    (clone / ".venv" / "installing").touch()
    code, said = run(clone, "up")
    assert "cut off" in said
    assert (code, last_line(said)) == (0, "1.0+cpu 2.0 ['up']")


def test_it_installs_once_when_two_start_together(clone: Path) -> None:
    (clone / "requirements.txt").write_text("torch==1.0\nsmall==2.0\n")
    pair = [start(clone, "up"), start(clone, "up")]
    said = [process.communicate(timeout=120)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert sorted("installing requirements.txt" in text for text in said) == [False, True]
    assert [last_line(text) for text in said] == ["1.0+cpu 2.0 ['up']"] * 2


def test_it_says_in_one_line_that_the_network_cannot_be_reached_and_goes_on_later(clone: Path) -> None:
    (clone / "requirements.txt").write_text("torch==1.0\nsmall==3.0\n")
    unreachable = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    code, said = run(clone, "up", **unreachable)
    assert code == 1
    assert last_line(said).startswith("dev.py: The package index can't be reached.")
    assert "Traceback" not in said
    make_wheel(clone.parent / "wheels", "small", "3.0")
    assert last_line(run(clone, "up")[1]) == "1.0+cpu 3.0 ['up']"


def test_it_names_the_version_found_and_the_version_needed(tmp_path: Path) -> None:
    code = AS_VERSION.format(version=(3, 8, 18), path=str(SOURCE))
    done = subprocess.run([sys.executable, "-c", code], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("dev.py: Python 3.11 or newer is needed, and this is Python ")
    assert done.stderr.count("\n") == 1


def test_it_changes_to_a_newer_python_on_the_path_but_not_to_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.13").chmod(0o755)
    (tmp_path / "python3.12").symlink_to(sys.executable)
    code = AS_VERSION.format(version=(3, 8, 18), path=str(SOURCE))
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "python3 dev.py up" in done.stdout


def test_it_is_readable_for_old_pythons() -> None:
    ast.parse(SOURCE.read_text(), feature_version=(3, 7))


def test_it_says_what_to_install_when_there_is_no_venv_module(tmp_path: Path) -> None:
    clone = make_clone(tmp_path)
    code = WITHOUT_ENSUREPIP.format(path=str(clone / "dev.py"))
    done = subprocess.run([sys.executable, "-c", code], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no venv module" in done.stderr and "apt install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_says_how_much_disk_is_free_and_needed() -> None:
    with pytest.raises(dev.SetupError, match=r"GB are free .* needs 10000000 GB"):
        dev.check_disk(10_000_000)


def test_it_refuses_an_unknown_build_of_torch(tmp_path: Path) -> None:
    code, said = run(make_clone(tmp_path), "up", DEV_TORCH="gpu")
    assert (code, last_line(said)) == (1, "dev.py: DEV_TORCH is 'gpu'; it must be auto, cpu or cuda.")


def test_its_exit_code_is_that_of_pytest() -> None:
    done = subprocess.run([sys.executable, str(SOURCE), "test", "--co", "-q", "no/such/test.py"], capture_output=True)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
