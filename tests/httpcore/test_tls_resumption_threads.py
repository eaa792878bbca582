"""A crowd of threads whose connections are all cut off, again and again: nobody pays for a second full handshake."""

from __future__ import annotations

import threading
from typing import List

import httpcore

from .tls_peer import tls_peer

THREADS = 8
REQUESTS = 20


def test_a_crowd_that_reconnects_resumes() -> None:
    said: List[bytes] = []
    barrier = threading.Barrier(THREADS)

    def work() -> None:
        barrier.wait(20)
        for _ in range(REQUESTS):
            timeouts = {"connect": 20, "read": 20, "write": 20, "pool": 20}
            said.append(pool.request("GET", peer.url, extensions={"timeout": timeouts}).content)

    with tls_peer() as peer:
        pool = httpcore.ConnectionPool(ssl_context=peer.trusted(), max_connections=THREADS, tls_session_resumption=True)
        with pool:
            threads = [threading.Thread(target=work) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
    assert len(said) == THREADS * REQUESTS
    # Each thread has left a session before it connects again, and nobody takes two.
    assert said.count(b"full") <= THREADS
    assert said.count(b"resumed") == len(said) - said.count(b"full")
