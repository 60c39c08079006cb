"""One line of JSON per figure."""

from __future__ import annotations

import json
from typing import Any


def figure(bench: str, case: str, name: str, value: float, unit: str, **more: Any) -> None:
    """Print one measured figure."""
    print(json.dumps({"bench": bench, "case": case, "figure": name, "value": value, "unit": unit, **more}), flush=True)
