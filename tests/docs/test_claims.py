"""This project's column in docs/migrating.md and docs/comparison.md is true."""

from __future__ import annotations

import socket
from typing import Callable

import pytest

from . import observations
from .observations import ALL_CLIENTS, TRANSPORTS

CLAIMS = {
    observations.get_on_a_connection_that_is_being_closed: "sent again",
    observations.bytes_beyond_a_response: "never",
    observations.a_server_that_drips: "ended by the total",
    observations.host_of_an_ipv6_address: "[::1]:PORT",
    observations.two_dropped_responses: "the third is served",
    observations.closing_with_a_request_in_the_queue: "ConnectError",
    observations.one_pool_in_three_loops: "works",
    observations.an_illegal_credential: "not shown",
    observations.idle_beside_two_busy: "kept",
    observations.retries_through_a_proxy_that_hangs_up: "2 attempts, ConnectError",
    observations.credentials_of_a_proxy: (
        "Proxy(url=URL(scheme=b'http', host=b'proxy', port=1, target=b'/'), auth=('********', '********'))"
    ),
    observations.an_upload_that_is_refused: "413 at once",
    observations.urls_as_keys: "1",
}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.filterwarnings("ignore:.*:ResourceWarning")
@pytest.mark.parametrize("observe", ALL_CLIENTS + TRANSPORTS, ids=lambda observe: observe.__name__)
def test_claim(observe: Callable[[str], str]) -> None:
    if observe is observations.host_of_an_ipv6_address and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    assert observe("httpcore") == CLAIMS[observe]
