"""A server that is away, but counts who knocks: it closes every connection before a word is said."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread


class Door:
    """`knocks`: connections that were tried so far."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self.knocks = 0

    def answer(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            self.knocks += 1
            caller.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def closed_door(port: int = 0) -> Iterator[Door]:
    """A door at `port`, or at a free one."""
    door = Door(port)
    keeper = Thread(target=door.answer, daemon=True)
    keeper.start()
    try:
        yield door
    finally:
        door.close()
        keeper.join()
