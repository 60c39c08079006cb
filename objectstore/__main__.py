"""`python -m objectstore --root DIR --port N [--host HOST]`; the access data comes from the environment."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from objectstore.application import Application
from objectstore.errors import S3Error
from objectstore.server import Server, log
from objectstore.settings import Settings, SettingsError, from_environment
from objectstore.store import Store, StoreError

DRAIN_S = 10.0


def main() -> int:
    """Serve until SIGTERM or SIGINT. Exit status 2 and one sentence when it can't start."""
    arguments = parse_arguments()
    try:
        settings = from_environment(os.environ)
        store = open_store(arguments.root, settings)
        server = Server((arguments.host, arguments.port), Application(store, settings))
    except (SettingsError, StoreError, S3Error, OSError) as error:
        sys.stderr.write(f"objectstore: {error}\n")
        return 2
    serve(server, store)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m objectstore", description="A small S3-subset server on disk.")
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the objects")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1")
    return parser.parse_args()


def open_store(root: Path, settings: Settings) -> Store:
    store = Store(root)
    for bucket in settings.buckets:
        store.create_bucket(bucket)
    if store.swept:
        log(f"removed {store.swept} unfinished writes of an earlier run")
    return store


def serve(server: Server, store: Store) -> None:
    def stop(*_: object) -> None:
        server.stopping = True
        # shutdown() waits for serve_forever, which runs in this very thread.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    host, port = server.server_address[:2]
    sys.stdout.write(f"objectstore listening on http://{host!s}:{port}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    if not server.drain(DRAIN_S):
        log("stopped with requests still under way; what they were writing is not kept")
        return
    store.close()


if __name__ == "__main__":
    raise SystemExit(main())
