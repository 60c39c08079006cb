"""What a local instance is made of: the command line and the environment of every part."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from curation.local import broker
from curation.local.child import Part
from curation.local.ports import kept_port
from curation.local.state import BASE_DIR, RunState, Secrets, make_private_dir

BUCKET = "framesift"
QUEUES = ("media", "gpu", "train", "inspect")
WEB_WORKERS, WEB_THREADS = 2, 8


@dataclass(frozen=True)
class Plan:
    """One instance: where it keeps things and where it answers. An endpoint the environment names isn't ours to run."""

    folder: Path
    secrets: Secrets
    host: str
    web_port: int
    broker_port: int | None
    store_port: int | None

    @property
    def web_url(self) -> str:
        return f"http://{url_host(self.host)}:{self.web_port}"

    def run_state(self, *, ready: bool, pids: dict[str, int]) -> RunState:
        """The record other processes find the instance by."""
        env = self.environment()
        return RunState(
            supervisor_pid=os.getpid(),
            web_url=self.web_url,
            redis_url=env["REDIS_URL"],
            s3_endpoint=env.get("S3_ENDPOINT", ""),
            s3_public_endpoint=env.get("S3_PUBLIC_ENDPOINT", ""),
            ready=ready,
            pids=pids,
        )

    def environment(self) -> dict[str, str]:
        """What every part finds in its environment, on top of what the person set."""
        env = {"FRAMESIFT_DATA": str(self.folder), "PYTHONUNBUFFERED": "1"}
        env["REDIS_URL"] = os.environ.get("REDIS_URL") or (
            f"redis://:{self.secrets.broker_password}@127.0.0.1:{self.broker_port}/0"
        )
        if self.store_port is not None:
            endpoint = f"http://{url_host(self.host)}:{self.store_port}"
            env |= {"S3_ENDPOINT": endpoint, "S3_BUCKET": BUCKET}
            env |= {"S3_PUBLIC_ENDPOINT": os.environ.get("S3_PUBLIC_ENDPOINT") or endpoint}
            env |= {"S3_ACCESS_KEY": self.secrets.s3_access_key, "S3_SECRET_KEY": self.secrets.s3_secret_key}
        if not is_loopback(self.host) and "ALLOWED_HOSTS" not in os.environ:
            env["ALLOWED_HOSTS"] = f"{self.host},127.0.0.1,localhost"
        return env


def make_plan(folder: Path, secrets: Secrets, *, host: str, web_port: int) -> Plan:
    """Decide what to run here: what REDIS_URL, S3_ENDPOINT or S3_BUCKET name runs somewhere else."""
    elsewhere = os.environ.get("S3_ENDPOINT") or os.environ.get("S3_BUCKET")
    return Plan(
        folder=folder,
        secrets=secrets,
        host=host,
        web_port=web_port,
        broker_port=None if os.environ.get("REDIS_URL") else kept_port(folder, "broker"),
        store_port=None if elsewhere else kept_port(folder, "store", host=host),
    )


def broker_part(plan: Plan) -> Part:
    assert plan.broker_port is not None
    config = broker.write_config(plan.folder / "broker", port=plan.broker_port, password=plan.secrets.broker_password)
    return Part("broker", [broker.server_binary(), str(config)])


def store_part(plan: Plan) -> Part:
    """The object store; browsers may reach it from the pages' own address only."""
    assert plan.store_port is not None
    origins = {plan.web_url, f"http://127.0.0.1:{plan.web_port}", f"http://localhost:{plan.web_port}"}
    env = {
        "OBJECTSTORE_ACCESS_KEY": plan.secrets.s3_access_key,
        "OBJECTSTORE_SECRET_KEY": plan.secrets.s3_secret_key,
        "OBJECTSTORE_BUCKET": BUCKET,
        "OBJECTSTORE_CORS_ORIGINS": ",".join(sorted(origins)),
        "PYTHONUNBUFFERED": "1",
    }
    root = ["--root", str(plan.folder / "objects"), "--port", str(plan.store_port), "--host", plan.host]
    return Part("store", [sys.executable, "-m", "objectstore", *root], env)


def manage_part(plan: Plan, name: str, *words: str) -> Part:
    """A management command that runs once."""
    return Part(name, [sys.executable, str(BASE_DIR / "manage.py"), *words], plan.environment(), once=True)


def demo_part(plan: Plan) -> Part:
    """Makes the demo data set in an empty instance, and says how far it is."""
    return replace(manage_part(plan, "demo", "demo", "--if-empty"), echo=True)


def web_part(plan: Plan) -> Part:
    options = ["--worker-class", "gthread", "--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)]
    # Browsers keep a connection open for minutes; closed at gunicorn's 2 s, it fails just as a request goes out on it.
    options += ["--preload", "--timeout", "60", "--graceful-timeout", "5", "--keep-alive", "75", "--no-control-socket"]
    options += ["--bind", f"{url_host(plan.host)}:{plan.web_port}"]
    return Part("web", [sys.executable, "-m", "gunicorn", *options, "curation.wsgi:application"], plan.environment())


def worker_part(plan: Plan, queue: str) -> Part:
    """A worker of one process for one queue. The queues that compute share the cores, the others stay narrow."""
    threads = max(1, (os.cpu_count() or 2) // 2) if queue in ("gpu", "train") else 1
    env = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)), **plan.environment()}
    options = ["-P", "solo", "-Q", queue, "-n", f"{queue}@%h", "--without-gossip", "--without-mingle"]
    return Part(queue, [sys.executable, "-m", "celery", "-A", "curation", "worker", *options, "-l", "INFO"], env)


def beat_part(plan: Plan) -> Part:
    make_private_dir(plan.folder / "beat")
    options = ["-s", str(plan.folder / "beat" / "schedule"), "--pidfile=", "-l", "WARNING"]
    return Part("beat", [sys.executable, "-m", "celery", "-A", "curation", "beat", *options], plan.environment())


def url_host(host: str) -> str:
    """A host as it stands in a URL; an address that means "all" is reached by loopback."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 -- compared with, not bound to
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "localhost", "::1")
