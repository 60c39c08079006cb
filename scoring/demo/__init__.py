"""Generated match footage with known truth: the demo data set, and the video that tests use."""

from scoring.demo.make import make_clip, make_demo, truth_lines

__all__ = ["make_clip", "make_demo", "truth_lines"]
