"""A server that answers each line with the line and the number of the connection it came on."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Optional, Type

__all__ = ["LineServer"]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    connections = 0


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.connections += 1
        number = self.server.connections
        try:
            for line in self.rfile:
                self.wfile.write(line[:-1] + b" on %d\n" % number)
        except OSError:
            return  # The client has gone, which is its right.


class LineServer:
    """Serves in threads, for the time of a `with` block; `url` is where."""

    def __enter__(self) -> LineServer:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    @property
    def connections(self) -> int:
        """How many connections have been accepted."""
        return self._server.connections

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
