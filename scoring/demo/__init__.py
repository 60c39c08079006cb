"""Generated match footage with known truth: the demo data set, and the video that tests use.

`script` knows the truth and needs nothing; drawing and encoding load only when one of these functions is asked for, so
that a process which just wants the truth never loads a decoder.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scoring.demo.make import make_clip, make_demo, truth_lines

__all__ = ["make_clip", "make_demo", "truth_lines"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from scoring.demo import make

        return getattr(make, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
