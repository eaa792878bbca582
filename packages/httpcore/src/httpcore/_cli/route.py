"""The pool that the options describe: TLS, proxy, protocol, addresses.

Rules that hold here:

* Files are read before anything is connected, so that a wrong name is said at once.
* The pool's own defaults hold wherever no option says otherwise: what is seen here is what programs get.
"""

from __future__ import annotations

import argparse
import socket
import ssl
from typing import Any, Dict, Iterable, Optional

from core_backends import SOCKET_OPTION, ConnectError, NetworkStream, Proxy, SyncBackend, default_ssl_context
from core_backends.lowlevel import Deadline

from .._sync.connection_pool import ConnectionPool
from .exit_codes import CommandError, ExitCode

__all__ = ["FamilyBackend", "extensions_of", "pool_of"]

_PHASES = ("connect", "read", "write", "pool", "total")


def pool_of(options: argparse.Namespace) -> ConnectionPool:
    """Return a pool for the one request; raises `CommandError` where an option or an extra makes that impossible."""
    try:
        return ConnectionPool(
            ssl_context=_ssl_context(options.ca_bundle, options.insecure, options.cert, options.key),
            proxy=_proxy(options),
            http1=options.http != "prior",
            http2=options.http != "1.1",
            retries=options.retries,
            local_address=options.local_address,
            uds=options.unix_socket,
            network_backend=None if options.family is None else FamilyBackend(options.family),
        )
    except (ImportError, RuntimeError, ValueError) as exc:
        raise CommandError(ExitCode.USAGE, str(exc)) from exc


def extensions_of(options: argparse.Namespace) -> Dict[str, Any]:
    """Return the request's extensions: its time limits and the server's name."""
    limits = {name: getattr(options, f"{name}_timeout") for name in _PHASES}
    extensions: Dict[str, Any] = {"timeout": {name: value for name, value in limits.items() if value is not None}}
    if options.sni is not None:
        extensions["sni_hostname"] = options.sni
    return extensions


def _proxy(options: argparse.Namespace) -> Optional[Proxy]:
    if options.proxy is None:
        return None
    url, auth = options.proxy
    context = None
    if url.scheme == b"https":
        context = _ssl_context(options.proxy_ca_bundle, options.proxy_insecure, None, None)
    headers = [(name, value or b"") for name, value in options.proxy_headers]
    return Proxy(url, auth=auth, headers=headers, ssl_context=context, tunnel=options.proxy_tunnel)


def _ssl_context(
    ca_bundle: Optional[str], insecure: bool, cert: Optional[str], key: Optional[str]
) -> Optional[ssl.SSLContext]:
    """Return the context for these options, None for the pool's own."""
    if not (ca_bundle or insecure or cert):
        return None
    try:
        if ca_bundle:
            context = ssl.create_default_context(cafile=ca_bundle)
        else:
            context = default_ssl_context()
    except OSError as exc:
        raise CommandError(ExitCode.LOCAL_FILE, f"cannot use {ca_bundle} as authorities: {exc}") from exc
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        try:
            context.load_cert_chain(cert, key)
        except OSError as exc:
            raise CommandError(ExitCode.LOCAL_FILE, f"cannot use {cert} as client certificate: {exc}") from exc
    return context


class FamilyBackend(SyncBackend):
    """Connects to addresses of one family only: `version` is 4 or 6."""

    def __init__(self, version: int) -> None:
        self._version = version

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> NetworkStream:
        """See `NetworkBackend.connect_tcp`."""
        budget = Deadline(timeout)
        family = socket.AF_INET if self._version == 4 else socket.AF_INET6
        options = list(socket_options or ())
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise ConnectError(f"Cannot resolve {host}:{port} to an IPv{self._version} address: {exc}") from exc
        failure: Optional[ConnectError] = None
        for address in dict.fromkeys(str(entry[4][0]) for entry in found):
            try:
                return super().connect_tcp(address, port, budget.remaining(), local_address, options)
            except ConnectError as exc:
                failure = failure or exc
        raise failure or ConnectError(f"{host} has no IPv{self._version} address.")
