"""One server for all tests of this folder that don't need to stop it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_s3 import S3Client

from tests.objectstore.backends import backend, backend_store
from tests.objectstore.instance import Instance

__all__ = ["backend", "backend_store", "launch", "s3", "server"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("objects") / "root").start()
    yield instance
    assert instance.stop() == 0
    assert "Traceback" not in instance.log()


@pytest.fixture(scope="session")
def s3(server: Instance) -> S3Client:
    return server.client()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Starts servers of a test's own; none outlives the test, however it ends."""
    started: list[Instance] = []

    def start(**options: Any) -> Instance:
        started.append(Instance(tmp_path / "root", **options).start())
        return started[-1]

    yield start
    for instance in started:
        instance.kill()
