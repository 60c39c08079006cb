"""One part of the instance as a process: its log, its end, its next start."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from curation.local.leash import Leash, kill_group

KEPT_LOGS = 3
LOG_LIMIT_BYTES = 20 * 1024 * 1024
QUICK_S = 30.0  # a part that dies sooner than this after its start has not got going
STEADY_S = 60.0  # a part that ran this long starts again without delay
QUICK_DEATHS = 5
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 30.0


@dataclass(frozen=True)
class Part:
    """What to run. `env` comes on top of the environment of the supervisor.

    `once` parts aren't started again; what an `echo` part prints shows on the console too.
    """

    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    once: bool = False
    echo: bool = False


class Child:
    """A running Part."""

    def __init__(self, part: Part, *, logs: Path, leash: Leash) -> None:
        self.part = part
        self.log = logs / f"{part.name}.log"
        self._leash = leash
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._deaths = 0
        self._echoed_bytes = 0
        self.quick_deaths = 0
        self.exit_code: int | None = None  # of its last end; negative for the signal that caused it
        self.next_start = 0.0
        rotate(self.log)

    @property
    def pid(self) -> int:
        """Process id, which is its process group's too; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> bool:
        """Whether it came to its end and nobody has dealt with that yet."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start it in a process group of its own, so that Ctrl-C in the terminal reaches the supervisor alone."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.part.argv,
                env={**os.environ, **self.part.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._leash.before_exec,  # safe here: the supervisor has a single thread
            )
        self._leash.hold(self.pid)
        self._started = time.monotonic()
        self.next_start = 0.0

    def bury(self) -> None:
        """After its end: keep the exit code, and clear away what it left running."""
        assert self._process is not None
        self.exit_code = self._process.returncode
        kill_group(self.pid, signal.SIGKILL)
        self._leash.release(self.pid)
        self._process = None

    def plan_restart(self) -> float:
        """Count a death and set the time of the next start; returns the seconds until then."""
        lived = time.monotonic() - self._started
        self.quick_deaths = self.quick_deaths + 1 if lived < QUICK_S else 0
        self._deaths = self._deaths + 1 if lived < STEADY_S else 1
        delay: float = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (self._deaths - 1))
        self.next_start = time.monotonic() + delay
        return delay

    def signal(self, signum: int, *, group: bool = False) -> None:
        """Send a signal to it, or to it and all it started."""
        if self._process is None:
            return
        if group:
            kill_group(self.pid, signum)
        else:
            self._process.send_signal(signum)

    def last_lines(self, count: int = 8) -> list[str]:
        """The end of its log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 8192))
                return log.read().decode(errors="replace").strip().splitlines()[-count:]
        except OSError:
            return []

    def new_lines(self) -> list[str]:
        """The whole lines it printed since this was last asked."""
        with self.log.open("rb") as log:
            log.seek(self._echoed_bytes)
            fresh = log.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._echoed_bytes += len(whole)
        return whole.decode(errors="replace").splitlines()

    def trim_log(self) -> None:
        """Keep a long-running part's log from filling the disk (it is written in append mode, so it may be cut)."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".1.log"))
            os.truncate(self.log, 0)


def rotate(log: Path) -> None:
    """Make room for a new log: NAME.log becomes NAME.1.log and so on; the oldest goes."""
    for number in range(KEPT_LOGS, 0, -1):
        older = log.with_suffix(f".{number}.log")
        newer = log if number == 1 else log.with_suffix(f".{number - 1}.log")
        if newer.exists():
            newer.replace(older)
