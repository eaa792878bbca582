"""Who is raced: each peer's exact requirements, the adapter that drives it, and what it takes to import it.

Third parties that several peers share have one version for all, so that a ratio compares the peers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

__all__ = ["HTTPX", "OURS", "PEERS", "SHARED", "Peer"]

OURS = "ours"

# Installed beside this project and beside httpcore 1.0.9, to be raced on either.
HTTPX = "httpx==0.28.1"

SHARED = (
    "anyio==4.16.0",
    "certifi==2026.5.20",
    "h11==0.16.0",
    "h2==4.4.1",
    "hpack==4.2.0",
    "hyperframe==6.1.0",
    "idna==3.20",
    "sniffio==1.3.1",
    "socksio==1.0.0",
    "trio==0.35.0",
)


@dataclass(frozen=True)
class Peer:
    """A column of the table. `environment` names the virtual environment; `package` is what a user imports."""

    name: str
    environment: str
    adapter: str
    package: str
    requirements: Tuple[str, ...] = ()


_EXTRAS = "[asyncio,http2,socks,trio]"

PEERS: Dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(OURS, "ours", "httpcore_api", "httpcore"),
        Peer("ours_anyio", "ours", "httpcore_anyio", "httpcore"),
        Peer("httpx_on_ours", "ours", "httpx_api", "httpx"),
        Peer("httpcore", "httpcore", "httpcore_api", "httpcore", (f"httpcore{_EXTRAS}==1.0.9", HTTPX)),
        Peer("httpx_on_httpcore", "httpcore", "httpx_api", "httpx", (f"httpcore{_EXTRAS}==1.0.9", HTTPX)),
        Peer("httpcore2", "httpcore2", "httpcore_api", "httpcore2", (f"httpcore2{_EXTRAS}==2.16.2",)),
        Peer("http_client", "http_client", "http_client", "http.client"),
        Peer("urllib3", "urllib3", "urllib3_api", "urllib3", ("urllib3==2.8.0",)),
        Peer("aiohttp", "aiohttp", "aiohttp_api", "aiohttp", ("aiohttp==3.14.5",)),
        Peer("urllib3_future", "urllib3_future", "urllib3_future", "urllib3", ("urllib3-future==2.25.904",)),
        Peer("niquests", "niquests", "niquests_api", "niquests", ("niquests==3.21.2", "urllib3-future==2.25.904")),
        Peer("pycurl", "pycurl", "pycurl_api", "pycurl", ("pycurl==7.49.0",)),
        Peer("pyreqwest", "pyreqwest", "pyreqwest_api", "pyreqwest.client", ("pyreqwest==0.15.1",)),
        Peer("raw", "raw", "raw_floor", "socket", ("trio==0.35.0",)),
        Peer("raw_streams", "raw", "raw_streams", "socket", ("trio==0.35.0",)),
    )
}
