"""`manage.py up`: from nothing to an instance that answers, with a few lines on the console on the way."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from curation.local import broker, parts
from curation.local.leash import Leash
from curation.local.ports import PortTakenError, web_port
from curation.local.state import (
    PREPARED_FILE,
    Secrets,
    data_dir,
    ensure_secrets,
    make_private_dir,
    read_json,
    read_run,
)
from curation.local.supervisor import PartFailedError, StopRequestedError, Supervisor

DEFAULT_PORT = 8000
LOCK_FILE = "up.lock"
ANSWER_LIMIT_S = 60.0
PREPARE_LIMIT_S = 600.0  # a migration of a big database takes its time


class RunningAlreadyError(Exception):
    """Another instance has this data folder; the message says where it answers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help=f"port of the pages (default: the first free one from {DEFAULT_PORT})")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--data", type=Path, help="the data folder (default: FRAMESIFT_DATA, else ./data)")
    parser.add_argument("--no-demo", action="store_true", help="don't make the demo data set")


def main(words: list[str]) -> int:
    """Parse the command line and run the instance; returns the exit status."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start everything on this machine.")
    add_arguments(parser)
    return run(vars(parser.parse_args(words)))


def run(options: dict[str, Any]) -> int:
    """Run the instance the parsed options ask for; returns the exit status."""
    folder = options["data"] or data_dir()
    return up(folder=folder, port=options["port"], host=options["host"], demo=not options["no_demo"])


def up(*, folder: Path, port: int | None, host: str, demo: bool) -> int:
    """Run an instance until it is asked to stop (0) or can't go on (1); what stands in the way is said in one line."""
    console = Console()
    folder = folder.expanduser().resolve()
    try:
        make_private_dir(folder)
        with only_instance(folder):
            return serve(folder, port=port, host=host, demo=demo, say=console.say)
    except (RunningAlreadyError, PortTakenError, PartFailedError, broker.NoBrokerError, ValueError) as reason:
        print(f"up: {reason}", file=sys.stderr)
    except OSError as reason:
        print(f"up: {reason.strerror or reason}: {reason.filename or folder}", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    return 1


def serve(folder: Path, *, port: int | None, host: str, demo: bool, say: Callable[[str], None]) -> int:
    """Start the parts, say when the app answers, and look after them until the end."""
    secrets = ensure_secrets(folder)
    plan = parts.make_plan(folder, secrets, host=host, web_port=web_port(port, default=DEFAULT_PORT, host=host))
    if port is None and plan.web_port != DEFAULT_PORT:
        say(f"port {DEFAULT_PORT} is taken; using {plan.web_port}")
    leash = Leash()
    supervisor = Supervisor(plan, say=say, leash=leash)
    try:
        start_all(supervisor, plan, say=say)
        supervisor.ready()
        say("the app answers")
        say_welcome(plan, secrets)
        if demo:
            supervisor.start(parts.demo_part(plan))
        supervisor.forever()
    except StopRequestedError:
        say("stopping")
    finally:
        supervisor.stop()
        leash.close()
    say("stopped")
    return 0


def start_all(supervisor: Supervisor, plan: parts.Plan, *, say: Callable[[str], None]) -> None:
    """Start every part in order; returns when the app answers. Raises PartFailedError and StopRequestedError."""
    say(f"starting in {plan.folder}")
    if plan.broker_port is not None:
        supervisor.start(parts.broker_part(plan))
    if plan.store_port is not None:
        supervisor.start(parts.store_part(plan))
    supervisor.run_once(parts.manage_part(plan, "prepare", "prepare"), limit_s=PREPARE_LIMIT_S)
    say("tables and pages are in place")
    wait_for_foundation(supervisor, plan)
    supervisor.start(parts.web_part(plan))
    if not supervisor.until(lambda: is_ready(plan), limit_s=ANSWER_LIMIT_S):
        raise PartFailedError(f"the app doesn't get ready: {readiness(plan)[1]} See {plan.folder / 'logs'}.")
    for queue in parts.QUEUES:
        supervisor.start(parts.worker_part(plan, queue))
    supervisor.start(parts.beat_part(plan))


def wait_for_foundation(supervisor: Supervisor, plan: parts.Plan) -> None:
    """The broker and the store have been starting meanwhile; the app needs both to answer."""
    port, password = plan.broker_port, plan.secrets.broker_password
    if port is not None and not supervisor.until(lambda: broker.answers(port, password), limit_s=ANSWER_LIMIT_S):
        raise PartFailedError(f"the broker doesn't answer. See {plan.folder / 'logs' / 'broker.log'}.")
    store = plan.store_port
    if store is not None and not supervisor.until(
        lambda: status_of(parts.url_host(plan.host), store, "/-/healthz")[0] == 200, limit_s=ANSWER_LIMIT_S
    ):
        raise PartFailedError(f"the object store doesn't answer. See {plan.folder / 'logs' / 'store.log'}.")


def readiness(plan: parts.Plan) -> tuple[int, str]:
    return status_of(parts.url_host(plan.host), plan.web_port, "/readyz")


def is_ready(plan: parts.Plan) -> bool:
    return readiness(plan)[0] == 200


def status_of(host: str, port: int, path: str) -> tuple[int, str]:
    """The status and the first line of an answer; status 0 when nobody answers."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(500).decode(errors="replace").strip()[:200]
    except (OSError, http.client.HTTPException) as reason:
        return 0, str(reason)
    finally:
        connection.close()


def say_welcome(plan: parts.Plan, secrets: Secrets) -> None:
    """The address and the login. The password made at the first start is shown until it has been changed."""
    print(f"\n  Framesift is at {plan.web_url}")
    if read_json(plan.folder / PREPARED_FILE).get("first_password_valid"):
        print(f"  login: admin   password: {secrets.admin_password}")
    print(f"  Ctrl-C stops everything; logs in {plan.folder / 'logs'}\n", flush=True)


@contextlib.contextmanager
def only_instance(folder: Path) -> Iterator[None]:
    """Hold the data folder; the kernel lets go of it when we end, however that comes about.

    Raises RunningAlreadyError.
    """
    with (folder / LOCK_FILE).open("ab") as handle:
        os.fchmod(handle.fileno(), 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            run = read_run(folder)
            where = f", at {run.web_url} (process {run.supervisor_pid})" if run else ""
            raise RunningAlreadyError(f"an instance runs on {folder} already{where}.") from None
        yield


class Console:
    """A few calm lines, each with the seconds since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:5.0f} s  {text}", flush=True)
