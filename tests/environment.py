"""Loaded before Django's settings (`-p tests.environment`): a data folder, ports and keys of the tests' own."""

import atexit
import os
import shutil
import socket
import tempfile


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


DATA = tempfile.mkdtemp(prefix="framesift-tests-")
atexit.register(shutil.rmtree, DATA, ignore_errors=True)

STORE_PORT, BROKER_PORT = free_port(), free_port()
BROKER_PASSWORD = "tests"
for name in ("DATABASE_URL", "S3_PUBLIC_ENDPOINT", "DEBUG", "HTTPS", "ALLOWED_HOSTS"):
    os.environ.pop(name, None)
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
os.environ |= {
    "FRAMESIFT_DATA": DATA,
    "SECRET_KEY": "only-for-the-tests-" + "x" * 40,
    "S3_ENDPOINT": f"http://127.0.0.1:{STORE_PORT}",
    "S3_BUCKET": "framesift",
    "S3_ACCESS_KEY": "tests",
    "S3_SECRET_KEY": "tests-secret",
    "REDIS_URL": f"redis://:{BROKER_PASSWORD}@127.0.0.1:{BROKER_PORT}/0",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",  # small networks gain nothing from two, and on a busy machine they lose nearly all
    "PYTHONDONTWRITEBYTECODE": "1",
}
