"""Refusals that a person should read."""


class Problem(Exception):
    """A request that can't be carried out: one sentence that says why and what to do, and an HTTP status."""

    def __init__(self, sentence: str, *, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status
