"""What the data folder remembers between starts: secrets made once, and where the running instance answers.

Standard library only and no Django, because settings.py reads it before Django exists.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent.parent
SECRETS_FILE = "secrets.json"
RUN_FILE = "run.json"
PREPARED_FILE = "prepared.json"  # what `manage.py prepare` found and did last
# No 0/o, 1/l/i: the password is read off a console and typed.
READABLE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Secrets:
    """Made at the first start, kept for the life of the data folder."""

    secret_key: str
    s3_access_key: str
    s3_secret_key: str
    broker_password: str
    admin_password: str


@dataclass(frozen=True)
class RunState:
    """Where the running instance answers. `pids` maps a part's name ("web", "gpu", ...) to its process id."""

    supervisor_pid: int
    web_url: str
    redis_url: str
    s3_endpoint: str
    s3_public_endpoint: str
    ready: bool = False
    pids: dict[str, int] = field(default_factory=dict)


def data_dir() -> Path:
    """The data folder: FRAMESIFT_DATA when set, else `data` beside manage.py."""
    chosen = os.environ.get("FRAMESIFT_DATA")
    return Path(chosen).expanduser().resolve() if chosen else BASE_DIR / "data"


def read_secrets(folder: Path) -> Secrets | None:
    """The secrets of this data folder, or None when it has none yet (or can't be read)."""
    content = read_json(folder / SECRETS_FILE)
    return Secrets(**_known(Secrets, content)) if _complete(Secrets, content) else None


def ensure_secrets(folder: Path) -> Secrets:
    """The secrets of this data folder, made (0600, in a 0700 folder) when they don't exist.

    Raises ValueError when the file exists and is damaged: a new secret key or store key would silently lock
    people out of what the folder holds.
    """
    path = folder / SECRETS_FILE
    found = read_secrets(folder)
    if found is not None:
        return found
    if path.exists():
        raise ValueError(f"{path} is damaged or unreadable; restore it from a copy, or delete it to get new keys.")
    make_private_dir(folder)
    made = Secrets(
        secret_key=secrets.token_urlsafe(50),
        s3_access_key="FS" + secrets.token_hex(9).upper(),
        s3_secret_key=secrets.token_urlsafe(30),
        broker_password=secrets.token_urlsafe(24),
        admin_password=readable_password(),
    )
    with contextlib.suppress(FileExistsError):  # another process was first: its secrets hold
        write_private_json(path, asdict(made), replace=False)
    return read_secrets(folder) or made


def readable_password(*, groups: int = 4, size: int = 4) -> str:
    """A random password for typing, such as `k7pm-x2hd-...`; 4 groups of 4 carry 79 bits."""
    return "-".join("".join(secrets.choice(READABLE_ALPHABET) for _ in range(size)) for _ in range(groups))


def write_run(folder: Path, run: RunState) -> None:
    """Record where the running instance answers, readable by its owner alone."""
    write_private_json(folder / RUN_FILE, asdict(run))


def read_run(folder: Path) -> RunState | None:
    """Where the running instance answers; None when none runs (a record left by a dead supervisor counts as none)."""
    content = read_json(folder / RUN_FILE)
    if not _complete(RunState, content):
        return None
    run = RunState(**_known(RunState, content))
    return run if process_exists(run.supervisor_pid) else None


def clear_run(folder: Path) -> None:
    """Forget the running instance; nothing to do when there is no record."""
    with contextlib.suppress(OSError):
        (folder / RUN_FILE).unlink(missing_ok=True)


def process_exists(pid: int) -> bool:
    """Whether a process of that id exists, ours or somebody else's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def make_private_dir(folder: Path) -> None:
    """Create a folder only its owner can enter; one that exists keeps its mode unless others may read it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def write_private_json(path: Path, content: dict[str, Any], *, replace: bool = True) -> None:
    """Write a JSON file with mode 0600 in one step: a crash leaves the old file or the new one, never half of one.

    Raises FileExistsError when the file exists and `replace` is False.
    """
    handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(content, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        if replace:
            Path(temporary).replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        Path(temporary).unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file holds; empty when it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _known(shape: type[Secrets] | type[RunState], content: dict[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(shape)}
    return {name: value for name, value in content.items() if name in names}


def _complete(shape: type[Secrets] | type[RunState], content: dict[str, Any]) -> bool:
    optional = {"ready", "pids"}
    return all(each.name in content for each in fields(shape) if each.name not in optional)
