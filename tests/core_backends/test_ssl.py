"""TLS contexts: the default one, those that are shared, and what each offers by ALPN."""

from __future__ import annotations

import os
import signal
import ssl
import threading
from typing import Any, List

import pytest

from core_backends import default_ssl_context
from core_backends._ssl import is_unexpected_eof, offered_by
from core_backends.lowlevel import offering, shared_ssl_context


def test_the_default_context_verifies_certificates_and_names() -> None:
    context = default_ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 10


def test_the_default_context_is_made_once_for_each_offer() -> None:
    assert shared_ssl_context() is shared_ssl_context()
    assert shared_ssl_context(["h2"]) is shared_ssl_context(["h2"])
    assert shared_ssl_context(["h2"]) is not shared_ssl_context()
    assert offered_by(shared_ssl_context(["h2", "http/1.1"])) == ["h2", "http/1.1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_does_not_wait_for_a_thread_of_its_parent() -> None:
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with offering(ssl.create_default_context(), ["h2"]):
            held.set()
            forked.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(20)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        shared_ssl_context(["http/1.1"])
        os._exit(0)
    forked.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def client_hello_offer(context: ssl.SSLContext) -> List[str]:
    return offered_by(context)


@pytest.mark.parametrize("before", [[], ["imap"], ["a", "b", "http/1.1"]])
def test_a_callers_context_offers_what_it_did_before(before: List[str]) -> None:
    context = ssl.create_default_context()
    if before:
        context.set_alpn_protocols(before)
    for _ in range(2):
        with offering(context, ["h2", "http/1.1"]):
            assert client_hello_offer(context) == ["h2", "http/1.1"]
        assert client_hello_offer(context) == before


def test_a_callers_context_is_put_back_after_an_error() -> None:
    context = ssl.create_default_context()
    with pytest.raises(KeyError), offering(context, ["h2"]):
        raise KeyError
    assert client_hello_offer(context) == []


def test_what_the_owner_of_a_context_sets_later_stays() -> None:
    context = ssl.create_default_context()
    for later in (["imap"], ["smtp", "imap"]):
        with offering(context, ["h2"]):
            pass
        context.set_alpn_protocols(later)
        with offering(context, ["h2"]):
            assert client_hello_offer(context) == ["h2"]
        assert client_hello_offer(context) == later


def test_no_offer_leaves_the_context_alone() -> None:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["mine"])
    with offering(context, None):
        assert client_hello_offer(context) == ["mine"]


def test_an_offer_that_is_in_use_is_not_seen_by_another_thread() -> None:
    context = ssl.create_default_context()
    seen: List[Any] = []
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        assert inside.wait(20)
        with offering(context, ["b"]):
            seen.append(client_hello_offer(context))

    thread = threading.Thread(target=other)
    thread.start()
    with offering(context, ["a"]):
        inside.set()
        seen.append(client_hello_offer(context))
        assert not leave.is_set()
    thread.join(20)
    assert seen == [["a"], ["b"]]
    assert client_hello_offer(context) == []


def test_the_end_of_a_stream_without_close_notify_is_known_by_class_or_reason() -> None:
    assert is_unexpected_eof(ssl.SSLEOFError(8, "EOF"))
    assert not is_unexpected_eof(ssl.SSLError(1, "other"))
