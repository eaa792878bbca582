"""Greenlets in place of threads: sockets, locks and selectors as gevent patches them.

Run by an interpreter of its own, since patching holds for all of it. Skipped where gevent is not installed; the tox
environment `gevent` has it.
"""

from __future__ import annotations

import importlib.util
import json

import pytest

from .routes import CREDENTIALS, Network
from .test_other_worlds import run_program

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import json, sys, warnings
import gevent
import httpcore
warnings.simplefilter("error")
options = json.loads(sys.argv[1])
url = options.pop("url")
proxy = options.pop("proxy")
LIMITS = {"timeout": {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}}

def one(number):
    name = f"greenlet-{number}"
    response = pool.request("POST", url, headers={"X-Id": name}, content=bytes(number), extensions=LIMITS)
    assert response.content == f"POST /gevent {number} {name}".encode(), response.content

with httpcore.ConnectionPool(max_connections=4, proxy=httpcore.Proxy(**proxy) if proxy else None, **options) as pool:
    gevent.joinall([gevent.spawn(one, number) for number in range(40)], raise_error=True)
    # Killed wherever they are by then, as a timeout would do it.
    doomed = [gevent.spawn(one, number) for number in range(40)]
    for greenlet in doomed[::2]:
        gevent.sleep(0)
        greenlet.kill()
    gevent.joinall(doomed[1::2], raise_error=True)
    pool._plan.check()
    assert pool._plan.leases == 0 and pool._plan.waiting == 0, pool
    one(1)
"""


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
@pytest.mark.parametrize("route", ["direct", "h2-prior-knowledge", "forward", "socks"])
def test_greenlets_share_a_pool(route: str, network: Network) -> None:
    proxies = {
        "forward": f"http://127.0.0.1:{network.proxy.port}",
        "socks": f"socks5://127.0.0.1:{network.socks.port}",
    }
    proxy = {"url": proxies[route], "auth": CREDENTIALS} if route in proxies else None
    http2 = route == "h2-prior-knowledge"
    options = {"url": network.url(route, "/gevent"), "proxy": proxy, "http1": not http2, "http2": http2}
    run_program(PROGRAM, json.dumps(options))
    network.wait_until_idle()
