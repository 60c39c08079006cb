"""What a decoder that was taken over can do: tried from inside, layer by layer."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

from scoring import bubblewrap, isolation, landlock, seccomp

ROOT = Path(__file__).resolve().parents[2]

ATTEMPTS = """
import ctypes, json, os, socket, subprocess, sys, threading, urllib.request
from pathlib import Path
from scoring import isolation
layers = isolation.limit_resources(memory_bytes=1 << 30, cpu_s=60) if "limits" in sys.argv[2] else []
layers += isolation.confine(Path(sys.argv[1])) if "confine" in sys.argv[2] else []
libc = ctypes.CDLL(None, use_errno=True)
def started():
    thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
attempts = {
    "socket": lambda: socket.socket(),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "socket pair": lambda: socket.socketpair(),
    "fork": lambda: os.fork() or os._exit(0),
    "run": lambda: subprocess.run(["/bin/true"], check=True),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(os.getppid(), 0),
    "trace": lambda: libc.ptrace(0, 0, 0, 0) and 1 / 0,
    "read /etc/passwd": lambda: open("/etc/passwd").read(),
    "read a sibling": lambda: open(sys.argv[1] + ".sibling").read(),
    "list the root": lambda: os.listdir("/"),
    "write": lambda: open(sys.argv[1] + ".written", "w").write("x"),
    "write to the video": lambda: open(sys.argv[1], "a").write("x"),
    "remove": lambda: os.remove(sys.argv[1]),
    "rename": lambda: os.rename(sys.argv[1], sys.argv[1] + "2"),
    "chmod": lambda: os.chmod(sys.argv[1], 0o777),
    "more memory": lambda: bytearray(2 << 30),
    "read the video": lambda: open(sys.argv[1]).read(),
    "thread": started,
}
def outcome(attempt):
    try:
        attempt()
    except BaseException as error:
        return type(error).__name__
    return "done"
chosen = sys.argv[3:] or list(attempts)
print(json.dumps({"layers": layers, **{name: outcome(attempts[name]) for name in chosen}}), flush=True)
os._exit(0)
"""

ALLOWED = {"read the video", "thread"}


def attempts(tmp_path: Path, layers: str, *names: str) -> dict[str, str]:
    video = tmp_path / "video"
    video.write_text("pictures")
    (tmp_path / "video.sibling").write_text("another's")
    words = [sys.executable, "-c", ATTEMPTS, str(video), layers, *names]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    outcome: dict[str, str] = json.loads(answer.stdout)
    assert video.read_text() == "pictures"
    return outcome


def test_it_leaves_a_decoder_its_video_and_its_threads_only(tmp_path: Path) -> None:
    outcome = attempts(tmp_path, "limits confine")
    found = outcome.pop("layers")
    done = {name for name, result in outcome.items() if result == "done"}
    files_open = {"read /etc/passwd", "read a sibling", "list the root"}
    # Landlock came with Linux 5.13, and not everybody turns it on; bwrap hides the files where it's missing.
    kernel_has_landlock = ctypes.CDLL(None).syscall(landlock.SYS_CREATE_RULESET, None, ctypes.c_size_t(0), 1) >= 1
    assert ("landlock" in found) == kernel_has_landlock
    assert done == ALLOWED | (set() if "landlock" in found else files_open)
    assert not (tmp_path / "video.written").exists()


def test_it_is_the_confinement_that_prevents(tmp_path: Path) -> None:
    """The same attempts succeed without it: the test above can fail."""
    harmless = ("socket", "unix socket", "run", "read /etc/passwd", "read a sibling", "list the root")
    outcome = attempts(tmp_path, "", *harmless)
    assert {outcome[name] for name in harmless} == {"done"}


def test_it_starts_the_decoder_without_numpy() -> None:
    """Its start-up would take twice as long, and a part of the memory limit would go to OpenBLAS."""
    code = "import sys, scoring.decode_child, scoring.decode; print('numpy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_it_hides_the_file_system_and_the_network_behind_bwrap(tmp_path: Path) -> None:
    bwrap = bubblewrap.executable()
    if bwrap is None:
        return
    video = tmp_path / "secretname.mp4"
    video.write_text("pictures")
    look = (
        "import json, os; print(json.dumps([sorted(os.listdir('/')), open('/video').read(), dict(os.environ), "
        "os.path.exists('/etc/passwd'), os.path.exists('/proc/self/environ'), os.getpid()]))"
    )
    interpreter = os.path.realpath(sys.executable)
    words = bubblewrap.command(
        bwrap,
        readable=[Path(sys.base_prefix)],
        environment={"WORD": "1"},
        video=video,
        then=[interpreter, "-S", "-I", "-c", look],
    )
    answer = subprocess.run(words, capture_output=True, text=True, check=True, env={"SECRET": "hunter2"})
    root, content, environment, passwd, proc, pid = json.loads(answer.stdout)
    assert content == "pictures"
    assert {"home", "tmp", "proc", "var"}.isdisjoint(root)
    assert not passwd
    assert not proc
    assert "SECRET" not in environment
    assert environment["WORD"] == "1"
    assert pid < 10


def test_it_has_a_filter_for_both_architectures() -> None:
    assert set(seccomp.ARCHITECTURES) == {"x86_64", "aarch64"}
    for architecture in seccomp.ARCHITECTURES.values():
        program = seccomp.filter_program(architecture)
        assert all(len(instruction) == 8 for instruction in program)
        assert len(program) < 4096
        assert len(set(architecture.denied)) == len(architecture.denied)
    assert not seccomp.install("a machine that nobody knows")


def test_it_ends_at_once_when_the_parent_is_gone_already() -> None:
    code = "from scoring import isolation; isolation.die_with_parent(1); print('still here')"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (1, "")
    isolation.die_with_parent(None)
