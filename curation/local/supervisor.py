"""Starts the parts of a local instance, keeps them running, and ends them in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from curation.local.child import QUICK_DEATHS, Child, Part
from curation.local.leash import Leash
from curation.local.parts import Plan
from curation.local.state import clear_run, make_private_dir, write_run

TICK_S = 0.05
LOG_CHECK_S = 60.0
WARM_STOP_S = 10.0
LAST_PARTS = ("store", "broker")  # everything else writes to these until its own end


class StopRequestedError(Exception):
    """Somebody asked the instance to stop: Ctrl-C or SIGTERM."""


class PartFailedError(Exception):
    """A part can't be kept running; the message names it and carries the end of its log."""


class Supervisor:
    """Runs Parts as children. One thread; every wait goes through `until`, which also looks after the children."""

    def __init__(self, plan: Plan, *, say: Callable[[str], None], leash: Leash) -> None:
        self.plan = plan
        self._say = say
        self._leash = leash
        self._children: dict[str, Child] = {}
        self._stops = 0
        self._ready = False
        self._next_log_check = 0.0
        self._logs: Path = plan.folder / "logs"
        make_private_dir(self._logs)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) != signal.SIG_IGN or signum == signal.SIGTERM:  # nohup wants HUP ignored
                signal.signal(signum, self._on_stop)

    def start(self, part: Part) -> Child:
        """Start a part and keep it running (a `once` part: until it ends)."""
        child = Child(part, logs=self._logs, leash=self._leash)
        self._children[part.name] = child
        child.start()
        self._record()
        return child

    def run_once(self, part: Part, *, limit_s: float) -> None:
        """Run a command to its end. Raises PartFailedError when it fails or takes longer than the limit."""
        child = self.start(replace(part, once=True))
        self.until(lambda: child.exit_code is not None, limit_s=limit_s)
        if child.exit_code != 0:
            raise PartFailedError(self._obituary(child, f"failed ({_manner(child.exit_code)})"))

    def until(self, condition: Callable[[], bool], *, limit_s: float) -> bool:
        """Wait for a condition, looking after the children meanwhile; False when the time is up.

        Raises StopRequestedError and PartFailedError.
        """
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            self.look_after()
            if condition():
                return True
            time.sleep(TICK_S)
        return condition()

    def forever(self) -> None:
        """Look after the children until somebody asks for the end. Raises StopRequestedError and PartFailedError."""
        while True:
            self.look_after()
            time.sleep(TICK_S * 4)

    def ready(self) -> None:
        """Record that the instance answers."""
        self._ready = True
        self._record()

    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self._children.items() if child.running}

    def look_after(self) -> None:
        """One round: notice ends, start again what is due. Raises StopRequestedError and PartFailedError."""
        if self._stops:
            raise StopRequestedError
        now = time.monotonic()
        for child in list(self._children.values()):
            if child.part.echo and child.pid:
                self._echo(child)
            if child.next_start and now >= child.next_start:
                child.start()
                self._record()
            elif child.ended:
                self._on_end(child)
        if now > self._next_log_check:
            self._next_log_check = now + LOG_CHECK_S
            for child in self._children.values():
                child.trim_log()

    def _echo(self, child: Child) -> None:
        for line in child.new_lines():
            self._say(f"{child.part.name}: {line}")

    def stop(self) -> None:
        """End everything in order: first what works on the store and the broker, then those two."""
        clear_run(self.plan.folder)
        self._stops = 0
        first = [child for name, child in self._children.items() if name not in LAST_PARTS]
        self._end(first, limit_s=WARM_STOP_S)
        self._end([child for child in self._children.values() if child not in first], limit_s=WARM_STOP_S / 2)

    def _end(self, children: list[Child], *, limit_s: float) -> None:
        """Ask politely, wait, then kill; another Ctrl-C cuts the wait short."""
        for child in children:
            child.signal(signal.SIGTERM)
        end = time.monotonic() + limit_s
        while any(child.running for child in children) and time.monotonic() < end and not self._stops:
            time.sleep(TICK_S)
        for child in children:
            child.signal(signal.SIGKILL, group=True)

    def _on_end(self, child: Child) -> None:
        if child.part.echo:
            self._echo(child)
        child.bury()
        name, manner = child.part.name, _manner(child.exit_code)
        if not child.part.once:
            delay = child.plan_restart()
            if child.quick_deaths >= QUICK_DEATHS:
                raise PartFailedError(self._obituary(child, f"ended {QUICK_DEATHS} times right after its start"))
            self._say(f"{name} ended ({manner}); starting it again in {delay:.0f} s, see {child.log}")
        elif child.exit_code and self._ready:
            self._say(f"{name} failed ({manner}), see {child.log}")
        self._record()

    def _obituary(self, child: Child, what: str) -> str:
        lines = "\n".join("    " + line[:200] for line in child.last_lines())
        return f"{child.part.name} {what}. The end of {child.log}:\n{lines}"

    def _record(self) -> None:
        write_run(self.plan.folder, self.plan.run_state(ready=self._ready, pids=self.pids()))

    def _on_stop(self, _signum: int, _frame: object) -> None:
        self._stops += 1


def _manner(code: int | None) -> str:
    if code is None:
        return "it took too long"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
