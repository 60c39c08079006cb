"""What a process that computes arranges for itself before it does."""

from __future__ import annotations

import platform
import subprocess
import sys

# Batches of 12 MiB, each freed before the next one; prints how many pages the system had to hand out for them.
COMPUTE = """
import resource, sys
from scoring.runtime import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
work = lambda: len([bytearray(4 << 20) for _ in range(3)])
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", COMPUTE, how], capture_output=True, text=True, check=True).stdout)


def test_it_uses_memory_again_from_batch_to_batch() -> None:
    as_it_comes, kept = pages("as it comes"), pages("kept")
    is_glibc = platform.libc_ver()[0] == "glibc"
    assert kept < as_it_comes / 10 if is_glibc else kept <= as_it_comes * 2
