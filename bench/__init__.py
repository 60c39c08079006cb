"""Benchmarks: `python -m bench NAME` prints one JSON object per line; `python -m bench --list` names them."""

from scoring.runtime import prepare

prepare()  # as the workers have it; before NumPy and torch are loaded
