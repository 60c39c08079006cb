"""Benchmarks: `python -m bench NAME` prints one JSON object per line; `python -m bench --list` names them."""
