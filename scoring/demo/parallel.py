"""Videos drawn by several processes, their progress heard in one place."""

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import Any

from scoring.demo.encode import EncodingFailed
from scoring.demo.script import Video

Progress = Callable[[str, float], None]
Render = Callable[[Video, Path, Progress], None]
Reports = Any  # multiprocessing.Queue of (file name, share done); its class has no public type

_reports: Reports = None


def render_in_parallel(render: Render, jobs: Sequence[tuple[Video, Path]], workers: int, on_progress: Progress) -> None:
    """Runs `render` for every job; `on_progress` is called in this process. Raises what a job raised."""
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    try:
        with ProcessPoolExecutor(workers, context, _begin, (reports,)) as pool:
            _follow([pool.submit(_run, render, *job) for job in jobs], reports, on_progress)
        # Only now, with every worker gone, has every report arrived.
        _pass_on(reports, on_progress)
    except BrokenProcessPool as error:
        raise EncodingFailed("A process that draws the demo was killed, perhaps for lack of memory.") from error


def _follow(running: Sequence[Future[None]], reports: Reports, on_progress: Progress) -> None:
    left = set(running)
    while left:
        done, left = wait(left, timeout=0.25, return_when=FIRST_COMPLETED)
        _pass_on(reports, on_progress)
        for future in done:
            future.result()


def _pass_on(reports: Reports, on_progress: Progress) -> None:
    while True:
        try:
            on_progress(*reports.get(timeout=0.02))
        except queue.Empty:
            return


def _begin(reports: Reports) -> None:
    global _reports
    _reports = reports
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)


def _run(render: Render, video: Video, path: Path) -> None:
    render(video, path, lambda name, share: _reports.put((name, share)))
