"""Starts the decoder child behind as many layers of isolation as this machine has."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scoring import bubblewrap
from scoring.limits import MediaLimits
from scoring.preprocessing import Crop, Preprocessing
from scoring.sampling import Sampling

STDERR_BYTES = 4096
EXIT_GRACE_S = 5.0

# Without the first, glibc would reserve 64 MiB of addresses per thread, and the memory limit would mean nothing.
FIXED_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}
PASSED_ON = ("LD_LIBRARY_PATH",)

PACKAGE = Path(__file__).resolve().parent
LIBRARIES = ("av", "PIL")


@dataclass(frozen=True)
class Task:
    """What the child shall do. video None: only tell its layers. crop None: none was set by hand."""

    video: Path | None
    sampling: Sampling
    preprocessing: Preprocessing
    limits: MediaLimits
    crop: Crop | None = None


class Child:
    """A running decoder; `stdout` gives its messages. Always `close()` it."""

    def __init__(self, task: Task, *, bwrap: str | None) -> None:
        self._private = tempfile.TemporaryDirectory(prefix="framesift-", ignore_cleanup_errors=True)
        self._stderr, theirs = os.pipe()
        # A child that talks too much loses words; it doesn't wait for somebody to listen.
        os.set_blocking(theirs, False)
        os.set_blocking(self._stderr, False)
        try:
            self._process = subprocess.Popen(
                _confined(task, bwrap) if bwrap else _bare(task, Path(self._private.name)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=theirs,
                bufsize=0,
                env=_environment(),
                cwd=self._private.name,
                # A group of its own, to be killed as a whole.
                start_new_session=True,
            )
        except BaseException:
            os.close(self._stderr)
            self._private.cleanup()
            raise
        finally:
            os.close(theirs)
        assert self._process.stdout is not None
        self.stdout = self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """Its exit status, once its standard output has ended; that of a kill if it doesn't go by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=EXIT_GRACE_S)
        self._kill()
        return self._process.wait()

    def last_words(self) -> str:
        """The end of what it wrote to its standard error so far."""
        with suppress(OSError):
            return os.read(self._stderr, 64 * 1024)[-STDERR_BYTES:].decode(errors="replace").strip()
        return ""

    def close(self) -> None:
        """Ends the child and all that it may have started, and forgets its folder."""
        self._kill()
        self._process.wait()
        self.stdout.close()
        os.close(self._stderr)
        self._private.cleanup()

    def _kill(self) -> None:
        # A process that was waited for has lost its number, which may belong to somebody else by now.
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _bare(task: Task, private: Path) -> list[str]:
    """Only a name of ours reaches the decoder, whatever the file is called."""
    if task.video is not None:
        (private / "video").symlink_to(task.video.resolve())
    return _python(task, inside="video", parent_pid=os.getpid())


def _confined(task: Task, bwrap: str) -> list[str]:
    return bubblewrap.command(
        bwrap,
        readable=[Path(sys.base_prefix), PACKAGE, *_library_folders()],
        environment=_environment(),
        video=task.video,
        then=_python(task, inside=bubblewrap.VIDEO_INSIDE, parent_pid=None),
    )


def _python(task: Task, *, inside: str, parent_pid: int | None) -> list[str]:
    """The interpreter without site-packages' start-up files, without the working folder on its path."""
    words = {
        "path": inside if task.video is not None else None,
        "sampling": asdict(task.sampling),
        "preprocessing": task.preprocessing.as_json(),
        "crop": None if task.crop is None else str(task.crop),
        "limits": asdict(task.limits),
        "parent_pid": parent_pid,
    }
    interpreter = os.path.realpath(sys.executable)
    return [interpreter, "-S", "-s", "-P", "-B", "-m", "scoring.decode_child", json.dumps(words)]


def _environment() -> dict[str, str]:
    """Nothing of ours: no keys, no passwords, no proxies."""
    search_path = os.pathsep.join(map(str, [PACKAGE.parent, *_library_folders()]))
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**FIXED_ENVIRONMENT, **passed_on, "PYTHONPATH": search_path}


def _library_folders() -> list[Path]:
    """Where the decoder's libraries are installed; asked without importing them."""
    folders: list[Path] = []
    for name in LIBRARIES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            folder = Path(spec.origin).parent.parent
            if folder not in folders:
                folders.append(folder)
    return folders
