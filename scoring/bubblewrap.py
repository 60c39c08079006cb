"""The outer layer, where bubblewrap is installed: own namespaces, and a file system that holds only what is needed."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

SYSTEM_PATHS = ("/usr", "/lib", "/lib64", "/lib32", "/nix/store", "/etc/ld.so.cache")

# Where the child finds the one file that it was started for.
VIDEO_INSIDE = "/video"


def executable() -> str | None:
    """Absolute path of bwrap, or None."""
    return shutil.which("bwrap") if sys.platform == "linux" else None


def command(
    bwrap: str, *, readable: Iterable[Path], environment: dict[str, str], video: Path | None, then: Sequence[str]
) -> list[str]:
    """The command line that runs `then` with no network, no other processes, `readable` and nothing writable.

    The video appears as VIDEO_INSIDE, so that not even its name gets in.
    """
    words = [bwrap, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    for path in _without_nested([*map(Path, SYSTEM_PATHS), *readable]):
        words += ["--ro-bind", str(path), str(path)]
    if video is not None:
        words += ["--ro-bind", os.path.realpath(video), VIDEO_INSIDE]
    return [*words, "--chdir", "/", "--", *then]


def _without_nested(paths: Iterable[Path]) -> list[Path]:
    kept: list[Path] = []
    for path in paths:
        if path.exists() and not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept
