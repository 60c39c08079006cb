"""Ports for the parts of a local instance: chosen once, kept while they are free."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from curation.local.state import write_private_json

PORTS_FILE = "ports.json"
TRIES = 20


class PortTakenError(Exception):
    """The port asked for is in use; the message says so in one line."""


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now (a port still closing down counts as free, as it does for servers)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_free(*, host: str = "127.0.0.1") -> int:
    """A port nobody uses, picked by the system."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def kept_port(folder: Path, name: str, *, host: str = "127.0.0.1") -> int:
    """The port this part had last time when it is still free, else a new one, which is kept from now on."""
    path = folder / PORTS_FILE
    try:
        kept = {str(key): int(value) for key, value in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        kept = {}
    if name not in kept or not is_free(kept[name], host=host):
        kept[name] = any_free(host=host)
        write_private_json(path, dict(kept))
    return kept[name]


def web_port(wanted: int | None, *, default: int, host: str) -> int:
    """The port for the web pages: the one asked for (0: any), or the first free one from the default on.

    Raises PortTakenError.
    """
    if wanted == 0:
        return any_free(host=host)
    if wanted is not None:
        if not is_free(wanted, host=host):
            raise PortTakenError(f"Port {wanted} is taken. Leave --port away to get a free one, or choose another.")
        return wanted
    for port in range(default, default + TRIES + 1):
        if is_free(port, host=host):
            return port
    raise PortTakenError(f"Ports {default} to {default + TRIES} are all taken. Choose one with --port.")
