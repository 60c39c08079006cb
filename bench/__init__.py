"""Benchmarks: `python -m bench NAME` prints one JSON object per line; `python -m bench --list` names them."""

from scoring.runtime import keep_memory, prepare

keep_memory()
prepare()  # as the workers have it; before NumPy and torch are loaded
