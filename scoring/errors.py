"""What can end a piece of work, each with a sentence that a person understands."""

from __future__ import annotations


class Stopped(Exception):
    """The caller's `should_stop` turned true; nothing is wrong and nothing half-done was handed out."""


class ModelError(Exception):
    """A model file or configuration that can't be used, and why, in one line."""


class ProcessError(Exception):
    """One of several processes of a training failed, and what it said, in one line; another attempt may succeed."""


class TrainingError(Exception):
    """A training that can't begin or go on, and why, in one line."""
