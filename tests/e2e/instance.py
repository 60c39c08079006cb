"""A whole instance for a test: `manage.py up` with its own data folder and ports, every part of it real."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.local.state import BASE_DIR, RunState, read_run, read_secrets

# What would make the instance use parts that run elsewhere, or another folder, or the keys of the test process.
FOREIGN = re.compile("DATABASE_URL|REDIS_URL|S3_.*|FRAMESIFT_DATA|SECRET_KEY|STATIC_ROOT|SCRATCH_DIR")
START_LIMIT_S = 90.0
STOP_LIMIT_S = 30.0


@dataclass(frozen=True)
class Instance:
    """A running instance."""

    data_dir: Path
    process: subprocess.Popen[bytes]
    console: Path
    extra: dict[str, str]  # settings it was started with

    @property
    def run(self) -> RunState:
        """Where it answers now. Raises AssertionError when it doesn't run."""
        found = read_run(self.data_dir)
        assert found is not None, f"the instance doesn't run:\n{self.said()}"
        return found

    @property
    def url(self) -> str:
        return self.run.web_url

    @property
    def admin_password(self) -> str:
        found = read_secrets(self.data_dir)
        assert found is not None
        return found.admin_password

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which `manage.py` commands work on this instance."""
        return {**own_environment(), **self.extra, "FRAMESIFT_DATA": str(self.data_dir)}

    def pid_of(self, part: str) -> int:
        """Process id of a part: web, broker, store, media, gpu, train, inspect, beat; waits while it starts again."""
        assert self.wait_until(lambda: part in self.run.pids, limit_s=40), f"{part} doesn't run:\n{self.said()}"
        return self.run.pids[part]

    def manage(self, *words: str, limit_s: float = 120) -> str:
        """Run a management command on this instance; returns its output. Raises CalledProcessError."""
        command = [sys.executable, str(BASE_DIR / "manage.py"), *words]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=limit_s, check=True
        )
        return done.stdout

    def said(self) -> str:
        """What it printed on its console."""
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def log(self, part: str) -> str:
        return (self.data_dir / "logs" / f"{part}.log").read_text(errors="replace")

    def stop(self) -> int:
        """Stop it in order (SIGTERM); returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_LIMIT_S)

    def kill(self) -> None:
        """Kill the supervisor outright; every part has to die with it."""
        self.process.kill()
        self.process.wait(timeout=STOP_LIMIT_S)

    @staticmethod
    def wait_until(condition: Callable[[], bool], *, limit_s: float = 10.0) -> bool:
        """Whether the condition came true within the limit."""
        end = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True


def own_environment() -> dict[str, str]:
    """The environment of the test process without what belongs to another instance."""
    return {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}


@contextlib.contextmanager
def start_instance(
    data_dir: Path, *, port: int = 0, demo: bool = False, env: dict[str, str] | None = None
) -> Iterator[Instance]:
    """Start an instance, wait until it answers, and stop it at the end. Raises AssertionError when it doesn't start."""
    instance = launch(data_dir, port=port, demo=demo, env=env)
    try:
        started = instance.wait_until(lambda: is_ready(instance), limit_s=START_LIMIT_S)
        assert started and instance.process.poll() is None, f"the instance doesn't start:\n{instance.said()}"
        yield instance
    finally:
        instance.stop()


def launch(data_dir: Path, *, port: int, demo: bool, env: dict[str, str] | None = None) -> Instance:
    """Start `manage.py up` without waiting for anything."""
    data_dir.mkdir(parents=True, exist_ok=True)
    console = data_dir / "console.log"
    command = [sys.executable, str(BASE_DIR / "manage.py"), "up", "--data", str(data_dir), "--port", str(port)]
    with console.open("wb") as out:
        process = subprocess.Popen(
            [*command, *([] if demo else ["--no-demo"])],
            env={**own_environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    return Instance(data_dir=data_dir, process=process, console=console, extra=env or {})


def is_ready(instance: Instance) -> bool:
    """Whether it answers, or has given up."""
    run = read_run(instance.data_dir)
    ours = run is not None and run.supervisor_pid == instance.process.pid
    return (ours and run is not None and run.ready) or instance.process.poll() is not None
