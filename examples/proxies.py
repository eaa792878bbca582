"""Send a request through a proxy of any kind, and through one proxy inside another.

    python examples/proxies.py URL PROXY_URL [INNER_PROXY_URL] [--auth USER:PASSWORD]

`http://` and `https://` proxies are asked to forward `http` requests and to tunnel `https` ones; `socks5://` and
`socks5h://` ones carry both. With two, the way leads through the first to the second and from there to the origin:
a proxy is a connector around a connector, so a route is put together like any other object.
"""

from __future__ import annotations

import argparse
from typing import Any

import httpcore
from core_proxy import SocksConnector, TunnelConnector


def connector(proxy: httpcore.URL, around: Any = None) -> Any:
    """The way through `proxy`, reached by way of `around` (None: directly)."""
    if proxy.scheme.startswith(b"socks"):
        return SocksConnector(proxy.origin, connector=around)
    return TunnelConnector(proxy.origin, httpcore.HTTP11Connection, connector=around)


class ChainPool(httpcore.ConnectionPool):
    """A pool whose connections all take the same way."""

    def __init__(self, way: Any, **options: Any) -> None:
        super().__init__(**options)
        self.way = way

    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return httpcore.HTTPConnection(origin, connector=self.way)


def main() -> None:
    parser = argparse.ArgumentParser(description="Send a request through one proxy, or two.")
    parser.add_argument("url")
    parser.add_argument("proxy")
    parser.add_argument("inner", nargs="?")
    parser.add_argument("--auth", help="USER:PASSWORD for the first proxy")
    options = parser.parse_args()
    if options.inner is None:
        auth = tuple(options.auth.split(":", 1)) if options.auth else None
        pool = httpcore.ConnectionPool(proxy=httpcore.Proxy(options.proxy, auth=auth))
    else:
        pool = ChainPool(connector(httpcore.URL(options.inner), connector(httpcore.URL(options.proxy))))
    with pool:
        try:
            response = pool.request("GET", options.url, extensions={"timeout": {"connect": 10.0, "read": 10.0}})
        except httpcore.ProxyError as exc:
            raise SystemExit(f"The proxy refuses: {exc}") from exc
        print(response.status, response.content.decode())
        print(*pool.connections)


if __name__ == "__main__":
    main()
