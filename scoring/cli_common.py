"""What the subcommands that run the model share: one line of JSON for everything that can't be done."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scoring.errors import ModelError, ProcessError, TrainingError
from scoring.sandbox import SandboxError
from scoring.sources import SourceError

UNUSABLE = 2


def guarded(work: Callable[[], None]) -> int:
    """Does the work of a subcommand. Exit status 2, with the reason in a last line of JSON, when it can't be done; 0
    otherwise, also when the reader of the output has gone."""
    try:
        work()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  (or the interpreter complains when it flushes)
    except (ModelError, ProcessError, TrainingError, SourceError, SandboxError, ValueError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or 'Input or output'}: {error.strerror or error}.")
    return 0


def emit(line: dict[str, Any]) -> None:
    """One object as a line on stdout, at once: a pipe shows it while the work goes on."""
    print(json.dumps(line), flush=True)


def named(text: str) -> tuple[str, Path]:
    """The type of an argument NAME=PATH."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


def _refuse(reason: str) -> int:
    emit({"error": reason})
    return UNUSABLE
