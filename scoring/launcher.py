"""Starts the ranks of a training by torchrun, and dies with the process that asked for them.

    python -m scoring.launcher PARENT_PID COUNT FOLDER DEVICE

Started by scoring/distributed.py only. The ranks inherit standard input and output, over which they talk with it.
"""

from __future__ import annotations

import os
import signal
import sys

from scoring import isolation


def main(argv: list[str]) -> int:
    parent_pid, count, folder, device = argv[1:]
    isolation.die_with_parent(int(parent_pid))  # before torch is imported: that takes seconds
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    from scoring.rank import tell

    options = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", count, "--max-restarts", "0"]
    try:
        run.main([*options, "--module", "scoring.rank", str(os.getpid()), folder, device])
    except ChildFailedError as error:
        # One that was killed could say nothing; what the others then say is only that they have lost it. The signal
        # that torchrun itself ends the others with is no cause.
        for rank, failure in error.failures.items():
            if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM:
                tell({"killed": {"rank": rank, "signal": -failure.exitcode}})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
