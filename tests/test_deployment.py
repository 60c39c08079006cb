"""docker-compose.yml and Dockerfile, as far as they can be checked without an engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from curation.jobs import QUEUES

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVERS = ("postgres", "redis", "store", "web")


def test_it_is_a_valid_compose_file() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    ]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("name", SERVERS)
def test_it_checks_the_health_of_every_server(name: str) -> None:
    assert COMPOSE["services"][name]["healthcheck"]["test"]


def test_it_serves_every_queue() -> None:
    commands = [" ".join(service.get("command", [])) for service in COMPOSE["services"].values()]
    for queue in {*QUEUES.values(), "inspect"}:
        assert any(f"-Q {queue} " in command for command in commands), queue


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_it_trains_and_scores_in_either_profile(profile: str) -> None:
    chosen = [s for s in COMPOSE["services"].values() if s.get("profiles", [profile]) == [profile]]
    commands = " ".join(" ".join(service.get("command", [])) for service in chosen)
    assert all(commands.count(f"-Q {queue} ") == 1 for queue in ("gpu", "train"))


def test_it_reserves_a_gpu_for_the_gpu_profile_alone() -> None:
    reserved = [name for name, service in COMPOSE["services"].items() if "deploy" in service]
    assert reserved == ["gpu", "gpu-trainer"]
    assert all(COMPOSE["services"][name]["profiles"] == ["gpu"] for name in reserved)


def test_it_starts_nothing_with_a_built_in_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"):
        uses = re.findall(r"(?<!\$)\$\{" + name + r"[^}]*\}", text)
        assert uses and all(":?" in use for use in uses), name
    example = dict(line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line)
    assert not any(value for key, value in example.items() if key.endswith(("_KEY", "PASSWORD")))


def test_it_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER framesift"]
