"""The exceptions that leave this project, and the mapping that keeps all others in.

Rules that hold here:

* Whatever the network or a peer does reaches the caller as one of these classes; besides them only cancellation
  and what the caller's own body iterator raised may leave.
* Everything that ran out of time is a `TimeoutException`, everything that the operating system refused a
  `NetworkError`, every breach of a protocol a `ProtocolError` that says which side broke it.
"""

from __future__ import annotations

import contextlib
from typing import Iterator, Mapping, Optional, Type

__all__ = [
    "ConnectError",
    "ConnectTimeout",
    "ConnectionNotAvailable",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "TimeoutException",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
    "map_exceptions",
]

ExceptionMapping = Mapping[Type[Exception], Type[Exception]]


@contextlib.contextmanager
def map_exceptions(map: ExceptionMapping) -> Iterator[None]:
    """Re-raise an exception of a mapped class as the class it maps to, with the original as its cause.

    `map` is read in order and the first class that matches wins; an exception that matches none passes unchanged.
    """
    try:
        yield
    except Exception as exc:
        for source, target in map.items():
            if isinstance(exc, source):
                raise target(exc) from exc
        raise


class ConnectionNotAvailable(Exception):
    """A connection cannot take this request now, or the server did nothing with it. A pool tries again on another one.

    `others_served` is true where the connection did serve other requests, so that trying again leads on: a server that
    takes three requests on each connection refuses the hundredth thirty times.
    """

    others_served = False


class UnsupportedProtocol(Exception):
    """The URL's scheme is missing or is not one that is spoken here."""


class ProxyError(Exception):
    """The proxy refused.

    `response` holds what an HTTP proxy answered (status, headers, and at most 64 KB of its body), or None where
    the refusal was not an HTTP response.
    """

    response: object = None


class ProtocolError(Exception):
    """One side broke the protocol."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol, or ended the connection where it must not.

    `closed_before_response` as for `NetworkError`.
    """

    closed_before_response: Optional[bool] = None


class LocalProtocolError(ProtocolError):
    """The caller asked for something that the protocol forbids."""


class TimeoutException(Exception):
    """A time limit passed."""


class PoolTimeout(TimeoutException):
    """No connection became free within the pool timeout."""


class ConnectTimeout(TimeoutException):
    """Establishing the connection, TLS and proxy handshakes included, took longer than the connect timeout."""


class ReadTimeout(TimeoutException):
    """No byte arrived within the read timeout."""


class WriteTimeout(TimeoutException):
    """The peer took no byte within the write timeout."""


class NetworkError(Exception):
    """The network or the operating system failed.

    `closed_before_response`: whether the request failed because its connection ended before one byte of a response had
    come, so that the server may never have seen it; None where that is not known.
    """

    closed_before_response: Optional[bool] = None


class ConnectError(NetworkError):
    """No connection could be established: name resolution, refusal, unreachable, TLS."""


class ReadError(NetworkError):
    """Reading failed: reset, aborted, or closed on this side."""


class WriteError(NetworkError):
    """Writing failed: reset, aborted, or closed on this side."""
