"""The HTTP/1.1 side: a thread per connection, keep-alive, sendfile, and an end that lets requests finish."""

import secrets
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

from objectstore import __version__, markup
from objectstore.application import Application
from objectstore.conditions import http_date
from objectstore.errors import S3Error
from objectstore.payload import Wire
from objectstore.request import Request, Response, collect_headers, parse_target

MAX_CONNECTIONS = 512
IDLE_S = 75
RECEIVE_S = 60
# A paused <video> leaves its connection full for a while; it asks for a new range when we give up.
SEND_S = 300
LINGER_BYTES = 16 << 20
LINGER_S = 2.0
# Missing objects, unchanged ones and failed conditions are answers, not faults.
QUIET_STATUSES = {304, 404, 412}
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>Too many connections.</Message></Error>"
)


class Server(socketserver.TCPServer):
    """Accepts connections up to MAX_CONNECTIONS; beyond that they are told to slow down.

    Socket buffers are left to the kernel: a size of our own would turn its tuning off, and is capped at 208 KiB on a
    usual Linux where the tuning goes to 6 MiB and more.
    """

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], application: Application) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.application = application
        self.slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.quiet = threading.Condition()
        self.active = 0
        self.stopping = False
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.slots.acquire(blocking=False):
            request.settimeout(1)
            request.sendall(BUSY)
            self.shutdown_request(request)
            return
        try:
            threading.Thread(target=self.serve_connection, args=(request, client_address), daemon=True).start()
        except RuntimeError:  # The system gives no more threads.
            self.slots.release()
            raise

    def serve_connection(self, connection: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(connection, client_address)
        except OSError:
            pass  # The client went away; there is nobody to tell.
        except Exception:
            log(traceback.format_exc())
        finally:
            self.shutdown_request(connection)
            self.slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log(traceback.format_exc())

    @contextmanager
    def working(self) -> Iterator[None]:
        """Counts a request that `drain` waits for."""
        with self.quiet:
            self.active += 1
        try:
            yield
        finally:
            with self.quiet:
                self.active -= 1
                self.quiet.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Wait for the requests under way; False when some were still going."""
        self.stopping = True
        with self.quiet:
            return self.quiet.wait_for(lambda: self.active == 0, timeout_s)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_S
    rbufsize = 1 << 16
    server: Server

    def serve(self) -> None:
        with self.server.working():
            self.serve_request()
        self.connection.settimeout(IDLE_S)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = serve  # noqa: N815

    def serve_request(self) -> None:
        started = time.monotonic()
        self.connection.settimeout(RECEIVE_S)
        request_id = secrets.token_hex(8).upper()
        try:
            request, wire = self.read_request(request_id)
        except S3Error as error:
            self.refuse(error, request_id)
            return
        response = self.server.application.respond(request, wire)
        if not wire.finished or self.server.stopping:
            self.close_connection = True
        self.report(response, request, time.monotonic() - started)
        try:
            self.send(response)
        finally:
            if response.stream:
                response.stream.close()
        self.linger(wire)

    def read_request(self, request_id: str) -> tuple[Request, Wire]:
        """The request, its body still unread. Raises S3Error for what can't be parsed safely."""
        if self.headers.defects:
            raise S3Error("InvalidRequest", "The request headers are malformed.")
        path, query = parse_target(self.path)
        headers = collect_headers(self.headers.items())
        wire = Wire(self.rfile, length=body_length(headers), before_first_read=self.invite_body)
        return Request(self.command, path, query, headers, request_id), wire

    def handle_expect_100(self) -> bool:
        # Sent by `invite_body` once the request is found worth reading, so that a refused body never travels.
        return True

    def invite_body(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send(self, response: Response) -> None:
        self.connection.settimeout(SEND_S)
        content = response.content if self.command != "HEAD" else b""
        self.connection.sendall(self.head(response) + content)
        for segment in response.stream.segments if response.stream else []:
            with Path(segment.path).open("rb", buffering=0) as file:
                sent = self.connection.sendfile(file, segment.offset, segment.length)
            if sent != segment.length:
                self.close_connection = True
                return

    def head(self, response: Response) -> bytes:
        """Status line and headers."""
        length = len(response.content) if response.length is None else response.length
        headers = {
            "Date": http_date(time.time()),
            "Server": f"objectstore/{__version__}",
            "Connection": "close" if self.close_connection else "keep-alive",
            **response.headers,
        }
        if response.status not in (204, 304):
            headers["Content-Length"] = str(length)
        lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def linger(self, wire: Wire) -> None:
        """Swallow some of a refused body: closing at once would reset the connection and lose our answer."""
        if wire.finished or (not wire.started and "Expect" in self.headers):
            return
        self.connection.shutdown(socket.SHUT_WR)
        deadline, budget = time.monotonic() + LINGER_S, LINGER_BYTES
        self.connection.settimeout(LINGER_S)
        while budget > 0 and time.monotonic() < deadline and (data := self.connection.recv(1 << 16)):
            budget -= len(data)

    def refuse(self, error: S3Error, request_id: str) -> None:
        """Answer something that couldn't even be read as a request, and hang up."""
        self.close_connection = True
        content = markup.error_document(error, resource="", request_id=request_id)
        self.send(Response(status=error.status, headers={"Content-Type": "application/xml"}, content=content))
        log(f"{error.status} {error.code}: {error.message} request_id={request_id}")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """http.server's own refusals (a bad request line, too many headers), as XML."""
        self.close_connection = True
        error = S3Error("InvalidRequest", message or HTTPStatus(code).phrase)
        error.status = code
        self.command = getattr(self, "command", None) or "GET"
        self.refuse(error, secrets.token_hex(8).upper())

    def report(self, response: Response, request: Request, seconds: float) -> None:
        """One line per fault. The path only: a query may carry a signature that still opens something."""
        if response.status < 400 or response.status in QUIET_STATUSES:
            return
        path = quote(request.path, safe="/-_.~")
        log(
            f"{request.method} {path} {response.status} {response.error} "
            f"request_id={request.request_id} ms={seconds * 1000:.0f}"
        )

    def log_message(self, format: str, *args: Any) -> None:
        """http.server would log request lines, signatures and all."""


def body_length(headers: dict[str, str]) -> int | None:
    """Bytes of the body, None for a chunked one. Raises S3Error when the framing is missing or ambiguous."""
    declared, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if coding is not None:
        if declared is not None or coding.lower() != "chunked":
            raise S3Error("InvalidRequest", "The framing of the request body is ambiguous.")
        return None
    if declared is None:
        return 0
    if not (declared.isascii() and declared.isdigit() and len(declared) <= 15):
        raise S3Error("InvalidRequest", "Content-Length must be a whole number.")
    return int(declared)


def log(line: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(f"{stamp} objectstore {line.strip()}\n")
    sys.stderr.flush()
