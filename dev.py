#!/usr/bin/env python3
"""Two commands for a fresh clone, on the standard library alone.

python3 dev.py up [--port N] [--data DIR] [--no-demo]   install what is missing, then start everything (manage.py up)
python3 dev.py test [pytest arguments]                  the same, plus a browser, then the whole test suite

DEV_TORCH=auto|cpu|cuda chooses the build of torch; auto takes the CPU build unless an NVIDIA GPU is seen.
"""
# Old Pythons (3.6 is still the system's own on some) must get as far as the sentence about their age: nothing here
# is newer syntax than theirs, and they leave at GATE, before the first annotation they couldn't evaluate.
# ruff: noqa: S606 -- becoming another program, without a shell, is what this file does

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

NEEDED = (3, 11)


def change_python(words: "list[str]") -> None:
    """Start again under a newer Python from PATH; returns only when there is none."""
    probe = f"import sys; sys.exit(sys.version_info < {NEEDED})"
    for name in ("python3.13", "python3.12", "python3.11", "python3.14", "python3"):
        found = shutil.which(name)
        # A shim may be on PATH for a Python that isn't there, so it has to prove itself.
        if found and subprocess.call([found, "-c", probe], stderr=subprocess.DEVNULL) == 0:
            os.execv(found, [found, str(Path(__file__).resolve()), *words])
    needed, have = ".".join(map(str, NEEDED)), platform.python_version()
    sys.exit(f"dev.py: Python {needed} or newer is needed, and this is Python {have} ({sys.executable}).")


if sys.version_info < NEEDED:  # GATE
    change_python(sys.argv[1:])
if os.name == "nt":
    sys.exit("dev.py: this needs Linux or macOS; on Windows, use WSL.")

BASE = Path(__file__).resolve().parent
VENV = BASE / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"  # what is installed; absent while an installation is under way
BUSY = VENV / "installing"  # still there at the next start: that installation was cut off
LOG = VENV / "install.log"
RUNTIME, TESTS = "requirements.txt", "requirements-dev.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
GIGABYTES = {"cpu": 3, "cuda": 14}
HEARTBEAT_S = 15
COMPILE = "import compileall, sys; compileall.compile_dir(sys.argv[1], maxlevels=99, quiet=2, workers=0)"
BEGAN = time.monotonic()
NO_NETWORK = r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|name resolution"
# What pip's log says, and what a person can do about it; the first that matches is told.
REASONS = (
    (r"No space left on device", "The disk is full. Free some space and start again."),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", "The package index's certificate was refused; PIP_CERT can name another."),
    (NO_NETWORK, "The package index can't be reached. Check the network, or set HTTPS_PROXY or PIP_INDEX_URL."),
    (r"Permission denied", f"Some files can't be written. Check who owns {BASE}."),
    (r"No matching distribution found for \S+", "A package doesn't exist for this Python and platform."),
)


class SetupError(Exception):
    """The set-up can't go on; the message is one a person understands. `output` is what the failed step printed."""

    def __init__(self, message: str, output: str = "", *, killed: bool = False) -> None:
        super().__init__(message)
        self.output, self.killed = output, killed


def main(words: list[str]) -> int:
    if not words or words[0] not in ("up", "test"):
        print(__doc__.strip())
        return 0 if words[:1] in (["-h"], ["--help"]) else 2
    try:
        ensure_installed(with_tests=words[0] == "test")
        if words[0] == "test":
            run_tests(words[1:])
        os.execv(str(PYTHON), [str(PYTHON), str(BASE / "manage.py"), *words])
    except SetupError as reason:
        print(*telling_lines(reason.output), f"dev.py: {reason}", sep="\n", file=sys.stderr)
        return 1
    except OSError as reason:
        print(f"dev.py: {reason.strerror or reason}: {reason.filename or BASE}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndev.py: interrupted; the same command goes on from here.", file=sys.stderr)
        return 130


def ensure_installed(*, with_tests: bool) -> None:
    """Make .venv hold what the requirements ask for; nothing is run when its stamp already says so."""
    if is_current(with_tests):
        return
    torch = torch_choice()
    with only_one_installer():
        if is_current(with_tests):  # the one we waited for did it
            return
        say("bringing .venv up to date" if STAMP.exists() else "installing into .venv; this happens once")
        if not usable_venv():
            make_venv()
        install(TESTS if with_tests else RUNTIME, digests(with_tests), torch)
        say("installed")


def install(requirements: str, files: dict[str, str], torch: str) -> None:
    STAMP.unlink(missing_ok=True)
    BUSY.touch()
    try:
        install_torch(torch)
        run_step(f"installing {requirements}", pip_install("-r", str(BASE / requirements)))
        run_step("compiling to byte code", [str(PYTHON), "-c", COMPILE, str(VENV / "lib")])
        STAMP.write_text(json.dumps({"files": files, "torch": torch}, indent=2))
    except SetupError as reason:
        if not reason.killed:  # a pip that ends by itself leaves nothing half-done
            BUSY.unlink()
        raise
    BUSY.unlink()


def is_current(with_tests: bool) -> bool:
    if BUSY.exists() or not PYTHON.exists():
        return False
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stamp = json.loads(STAMP.read_text())
        wanted = os.environ.get("DEV_TORCH", "auto")
        files = stamp.get("files", {})
        return wanted in ("auto", stamp.get("torch")) and all(files.get(k) == v for k, v in digests(with_tests).items())
    return False


def digests(with_tests: bool) -> dict[str, str]:
    names = (RUNTIME, TESTS) if with_tests else (RUNTIME,)
    return {name: hashlib.sha256((BASE / name).read_bytes()).hexdigest() for name in names}


@contextlib.contextmanager
def only_one_installer() -> Iterator[None]:
    """Hold a lock on this very file: it is always there, and a dead process lets go of it."""
    import fcntl  # not on Windows, which has been told so

    with Path(__file__).open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another dev.py is installing; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def usable_venv() -> bool:
    """Whether .venv can be built upon: complete, not cut off half-way, of a Python new enough."""
    if BUSY.exists():
        say("the last installation was cut off; making .venv anew")
        return False
    if not PYTHON.exists() or not list(VENV.glob("lib/python3*/site-packages/pip")):
        return False
    made_of = re.search(r"^version\w* *= *(\d+)\.(\d+)", (VENV / "pyvenv.cfg").read_text(), re.M)
    return made_of is not None and (int(made_of[1]), int(made_of[2])) >= NEEDED


def make_venv() -> None:
    """Make an empty .venv with pip in it, by whichever tool this Python has. Raises SetupError when it has none."""
    # From inside .venv itself (activated), the Python it was made of has to do it.
    base = getattr(sys, "_base_executable", None) or sys.executable
    check_disk(GIGABYTES["cpu"])
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    BUSY.touch()
    if importlib.util.find_spec("ensurepip"):
        run_step(f"making .venv with Python {platform.python_version()}", [base, "-m", "venv", str(VENV)])
    elif importlib.util.find_spec("virtualenv") or shutil.which("virtualenv"):
        tool = [base, "-m", "virtualenv"] if importlib.util.find_spec("virtualenv") else ["virtualenv"]
        run_step("making .venv with virtualenv", [*tool, "--python", base, str(VENV)])
    else:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            f"this Python has no venv module ({base}). On Debian and Ubuntu: apt install python3-venv"
            f" (or python{sys.version_info[0]}.{sys.version_info[1]}-venv); elsewhere: pip install virtualenv."
        )


def check_disk(gigabytes: int) -> None:
    free = shutil.disk_usage(BASE).free / 1e9
    if free < gigabytes:
        raise SetupError(f"{free:.1f} GB are free on the disk of {BASE}; the installation needs {gigabytes} GB.")


def torch_choice() -> str:
    choice = os.environ.get("DEV_TORCH", "auto")
    if choice not in ("auto", "cpu", "cuda"):
        raise SetupError(f"DEV_TORCH is {choice!r}; it must be auto, cpu or cuda.")
    return choice if choice != "auto" else "cuda" if gpu_seen() else "cpu"


def install_torch(choice: str) -> None:
    """Install the "cpu" or "cuda" build. On Linux a plain `pip install torch` brings gigabytes of CUDA."""
    pin = next(line.strip() for line in (BASE / RUNTIME).read_text().splitlines() if line.startswith("torch=="))
    if not sys.platform.startswith("linux"):
        run_step(f"installing {pin}", pip_install(pin))
    elif choice == "cuda":
        check_disk(GIGABYTES["cuda"])
        # pip holds 2.x+cpu for as good as 2.x, so a change to CUDA has to be forced.
        forced = ["--force-reinstall"] if list(VENV.glob("lib/*/site-packages/torch-*+cpu.dist-info")) else []
        run_step(f"installing {pin} with CUDA (several GB)", pip_install(*forced, pin))
    else:
        install_cpu_torch(pin)


def install_cpu_torch(pin: str) -> None:
    extra = ["--extra-index-url", CPU_INDEX] if reachable(CPU_INDEX + "/torch/") else []
    try:
        run_step(f"installing {pin} (CPU build, about 200 MB)", pip_install(*extra, f"{pin}+cpu"))
    except SetupError as reason:
        if "No matching distribution found" not in reason.output or re.search(NO_NETWORK, reason.output):
            raise
        check_disk(GIGABYTES["cuda"])
        say("no CPU build of torch can be reached here; the ordinary build may bring several GB of CUDA")
        run_step(f"installing {pin}", pip_install(pin))


def gpu_seen() -> bool:
    if Path("/proc/driver/nvidia/gpus").is_dir():
        return True
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return b"GPU 0" in subprocess.run(["nvidia-smi", "-L"], stdout=subprocess.PIPE, timeout=20).stdout
    return False


def reachable(address: str) -> bool:
    """Whether an index answers within seconds; pip itself would retry for minutes."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 -- https, from a constant
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def pip_install(*words: str) -> list[str]:
    # pip would write byte code with one core; COMPILE does it with all of them.
    flags = ["--no-compile", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "2"]
    return [str(PYTHON), "-m", "pip", "install", *flags, *words]


def run_step(text: str, command: list[str]) -> None:
    """Run one command, its output in the log, with a sign of life now and then. Raises SetupError when it fails."""
    say(text)
    with LOG.open("a+b") as log:
        began_at = log.seek(0, os.SEEK_END)
        calm = {**os.environ, "PIP_USER": "0"}  # a pip told to install per user would refuse to work in .venv
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=calm)
        try:
            while child.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=HEARTBEAT_S)
                    break
                doing = re.findall(r"(?:Downloading|Collecting|Installing) \S+", LOG.read_text(errors="replace"))
                say("  " + doing[-1] if doing else "  still at it")
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            raise
    if child.returncode:
        output = LOG.read_bytes()[began_at:].decode(errors="replace")
        advice = next((text for pattern, text in REASONS if re.search(pattern, output)), "A step failed; see above.")
        raise SetupError(f"{advice} The whole log: {LOG}", output, killed=child.returncode < 0)


def telling_lines(output: str) -> list[str]:
    """The few lines of a failed step's output that say why."""
    lines = ["  " + line.strip()[:300] for line in output.splitlines() if line.strip()]
    return ([line for line in lines if line.startswith(("  ERROR", "  error", "  Error"))] or lines)[-4:]


def run_tests(words: list[str]) -> NoReturn:
    """Find or get a browser, then become pytest."""
    found = subprocess.run([str(PYTHON), str(BASE / "tests" / "browser.py")], stdout=subprocess.PIPE, text=True)
    if found.returncode:
        raise SetupError("the end-to-end tests need a browser, and none could be found or installed (see above).")
    os.chdir(BASE)
    os.environ["E2E_CHROMIUM"] = found.stdout.strip()
    os.execv(str(PYTHON), [str(PYTHON), "-m", "pytest", *words])


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:5.0f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
