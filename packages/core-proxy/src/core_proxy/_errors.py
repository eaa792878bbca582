"""What goes wrong during a handshake with a proxy, as the caller of a connector learns of it.

Rules that hold here:

* Too slow is `ConnectTimeout`, in whatever phase of the handshake; the network's failures and a proxy that hangs up are
  `ConnectError`: both may be better the next time, and are retried where retries are asked for.
* An answer that is not consent, or that is not in the proxy's protocol, is `ProxyError`: it would be the same again.
"""

from __future__ import annotations

import contextlib
from typing import Iterator

from core_backends import (
    ConnectError,
    ConnectionNotAvailable,
    ConnectTimeout,
    NetworkError,
    Origin,
    ProxyError,
    RemoteProtocolError,
    TimeoutException,
)

from ._guards import show

__all__ = ["handshake_errors", "hung_up"]


@contextlib.contextmanager
def handshake_errors(protocol: str, proxy: Origin) -> Iterator[None]:
    """Raise what the network or the proxy does inside the block as a failure to connect."""
    try:
        yield
    except (ConnectTimeout, ConnectError):
        raise
    except TimeoutException as exc:
        raise ConnectTimeout(f"The proxy {show(proxy)} did not complete the {protocol} handshake in time.") from exc
    except (NetworkError, OSError) as exc:
        # `OSError` is what a user's own stream may raise.
        raise ConnectError(
            f"The connection to the proxy {show(proxy)} failed in the {protocol} handshake: {exc}"
        ) from exc
    except ConnectionNotAvailable as exc:
        raise ConnectError(f"The connection to the proxy {show(proxy)} takes no {protocol} request.") from exc
    except RemoteProtocolError as exc:
        raise ProxyError(f"The proxy {show(proxy)} broke the protocol in the {protocol} handshake: {exc}") from exc


def hung_up(protocol: str, proxy: Origin) -> ConnectError:
    """Return the error for a proxy that closed the connection before it had answered."""
    return ConnectError(f"The proxy {show(proxy)} closed the connection in the {protocol} handshake.")
