"""One flag per process: somebody asked this worker to stop."""

import threading

requested = threading.Event()
