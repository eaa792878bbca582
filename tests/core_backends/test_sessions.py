"""What is kept of TLS sessions, for how long, and who is given one: sessions that are values, and real ones."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from core_backends import ConnectError, NetworkStream, Origin, SyncBackend, _sessions
from core_backends._async.tls_layer import AsyncTLSLayerStream
from core_backends._sessions import TRUST
from core_backends._sync.tls_layer import TLSLayerStream
from core_backends._threads import SyncTLSStream
from core_backends.lowlevel import TLSResumption, TLSSessions, start_tls

ORIGIN = Origin(b"https", b"localhost", 443)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_sessions, "_clock", made)
    return made


class Session:
    """An `ssl.SSLSession` as OpenSSL fills it in."""

    def __init__(
        self, id: bytes, *, has_ticket: bool = True, hint: int = 7200, timeout: int = 7200, age: float = 0.0
    ) -> None:
        self.id = id
        self.has_ticket = has_ticket
        self.ticket_lifetime_hint = hint
        self.timeout = timeout
        self.time = time.time() - age


class Secured:
    """The stream that a handshake has made: it is asked for two things."""

    def __init__(self, session: Optional[Session], version: str = "TLSv1.3", reused: bool = False) -> None:
        self.session = session
        self.session_reused = reused
        self._version = version

    def version(self) -> str:
        return self._version

    def get_extra_info(self, info: str) -> Any:
        return {"tls_session": self.session, "ssl_object": self}[info]


def context() -> ssl.SSLContext:
    return ssl.create_default_context()


class Server:
    """Connects to one server again and again; `resume` gives the id of the session that was offered."""

    def __init__(self, sessions: TLSSessions, origin: Origin = ORIGIN, **changed: Any) -> None:
        self.sessions = sessions
        self.arguments: Dict[str, Any] = {
            "origin": origin,
            "ssl_context": context(),
            "server_hostname": "localhost",
            "alpn_protocols": ["http/1.1"],
            **changed,
        }

    def begin(self) -> TLSResumption:
        return self.sessions.resumption(**self.arguments)

    def leave(self, session: Optional[Session], *, version: str = "TLSv1.3", accepted: bool = True) -> Optional[bytes]:
        """Make a connection that leaves `session`; return the id of the one that it offered, if any."""
        resumption = self.begin()
        offered: Any = resumption.offer()
        resumption.secured(Secured(session, version, reused=offered is not None and accepted))
        resumption.keep()
        return None if offered is None else bytes(offered.id)

    def leave_at_once(self, *sessions: Session) -> None:
        """Make connections, none of which had anything to offer, that leave `sessions`."""
        crowd = [self.begin() for _ in sessions]
        assert [resumption.offer() for resumption in crowd] == [None] * len(crowd)
        for resumption, session in zip(crowd, sessions):
            resumption.secured(Secured(session))
            resumption.keep()

    def offered(self) -> Optional[bytes]:
        offered: Any = self.begin().offer()
        return None if offered is None else bytes(offered.id)


@pytest.fixture
def sessions() -> TLSSessions:
    return TLSSessions()


def test_each_session_is_offered_once_the_newest_first(sessions: TLSSessions) -> None:
    server = Server(sessions)
    server.leave_at_once(Session(b"1"), Session(b"2"))
    assert len(sessions) == 2
    assert [server.offered() for _ in range(3)] == [b"2", b"1", None]
    assert len(sessions) == 0


def test_a_session_is_taken_when_the_handshake_begins_and_not_before(sessions: TLSSessions) -> None:
    server = Server(sessions)
    server.leave(Session(b"1"))
    for _ in range(3):
        server.begin()
    assert server.offered() == b"1"


def test_what_a_connection_leaves_is_kept_once(sessions: TLSSessions) -> None:
    resumption = Server(sessions).begin()
    resumption.keep()
    resumption.offer()
    resumption.secured(Secured(Session(b"1")))
    for _ in range(3):
        resumption.keep()
    assert len(sessions) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": Origin(b"https", b"localhost", 444)},
        {"origin": Origin(b"https", b"elsewhere", 443)},
        {"server_hostname": "elsewhere"},
        {"server_hostname": None},
        {"alpn_protocols": ["h2", "http/1.1"]},
        {"alpn_protocols": None},
        {"ssl_context": context()},
    ],
    ids=["port", "host", "server_name", "no_server_name", "offer", "no_offer", "context"],
)
def test_nothing_is_offered_where_anything_else_is_connected_to(sessions: TLSSessions, changed: Dict[str, Any]) -> None:
    server = Server(sessions)
    server.leave(Session(b"1"))
    other = Server(sessions, **{**server.arguments, **changed})
    assert other.offered() is None
    assert server.offered() == b"1"


def verify_nothing(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def verify_no_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def verify_revocation(context: ssl.SSLContext) -> None:
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


CHANGES = [verify_nothing, verify_no_name, verify_revocation]


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_does_not_outlive_what_the_context_verified(
    sessions: TLSSessions, change: Callable[[ssl.SSLContext], None]
) -> None:
    server = Server(sessions)
    server.leave(Session(b"before"))
    change(server.arguments["ssl_context"])
    assert server.leave(Session(b"after")) is None
    assert server.offered() == b"after"


@pytest.mark.parametrize("change", CHANGES)
def test_a_context_that_changes_before_the_handshake_is_taken_as_it_is_then(
    sessions: TLSSessions, change: Callable[[ssl.SSLContext], None]
) -> None:
    """The way to a proxy lies between the two."""
    server = Server(sessions)
    server.leave(Session(b"before"))
    resumption = server.begin()
    change(server.arguments["ssl_context"])
    assert resumption.offer() is None


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_kept_where_the_context_changes_during_the_handshake(
    sessions: TLSSessions, change: Callable[[ssl.SSLContext], None]
) -> None:
    server = Server(sessions)
    resumption = server.begin()
    resumption.offer()
    change(server.arguments["ssl_context"])
    resumption.secured(Secured(Session(b"1")))
    resumption.keep()
    assert len(sessions) == 0


def test_a_context_lives_as_long_as_its_sessions(sessions: TLSSessions) -> None:
    """Where it did not, a new one could be at the same place in memory, and get them."""
    for _ in range(50):
        server = Server(sessions)
        assert server.leave(Session(b"1")) is None
    assert len(sessions) == 50


def test_sessions_end_with_their_lifetime(sessions: TLSSessions, clock: Clock) -> None:
    server = Server(sessions)
    server.leave(Session(b"1", hint=60))
    clock.now += 60
    assert server.offered() is None
    server.leave(Session(b"2", timeout=50, age=20))
    clock.now += 29
    assert server.offered() == b"2"
    server.leave(Session(b"3", timeout=50, age=20))
    clock.now += 31
    assert server.offered() is None
    server.leave(Session(b"4", timeout=50, age=50))
    assert len(sessions) == 0


def test_a_session_from_the_future_lives_no_longer(sessions: TLSSessions, clock: Clock) -> None:
    """The time of a session is the wall clock's, which may be set back."""
    server = Server(sessions)
    server.leave(Session(b"1", timeout=60, age=-1000))
    clock.now += 61
    assert server.offered() is None


def test_an_older_session_is_offered_where_the_newest_has_ended(sessions: TLSSessions, clock: Clock) -> None:
    server = Server(sessions)
    server.leave_at_once(Session(b"long"), Session(b"short", hint=10))
    clock.now += 11
    assert server.offered() == b"long"


def test_certificates_are_verified_anew_after_some_time_however_often_sessions_follow(
    sessions: TLSSessions, clock: Clock
) -> None:
    server = Server(sessions)
    server.leave(Session(b"0"))
    resumed = 0
    for number in range(1, 40):
        clock.now += TRUST / 10
        resumed += server.leave(Session(b"%d" % number)) is not None
        assert resumed == number - number // 10


def test_a_full_handshake_begins_the_time_anew(sessions: TLSSessions, clock: Clock) -> None:
    server = Server(sessions)
    server.leave(Session(b"0"))
    clock.now += TRUST - 1
    assert server.leave(Session(b"1"), accepted=False) == b"0"
    clock.now += TRUST - 1
    assert server.offered() == b"1"


def test_without_a_ticket_there_is_nothing_to_keep_in_tls_1_3(sessions: TLSSessions) -> None:
    server = Server(sessions)
    server.leave(Session(b"id", has_ticket=False))
    server.leave(None)
    assert len(sessions) == 0


def test_a_used_ticket_is_not_kept_again_where_the_server_gives_no_other(sessions: TLSSessions) -> None:
    server = Server(sessions)
    ticket = Session(b"1")
    server.leave(ticket)
    assert server.leave(ticket) == b"1"
    assert server.offered() is None


def test_a_tls_1_3_ticket_of_no_lifetime_is_dropped(sessions: TLSSessions) -> None:
    """RFC 8446 § 4.6.1."""
    Server(sessions).leave(Session(b"1", hint=0))
    assert len(sessions) == 0


def test_a_tls_1_2_session_is_offered_again_and_again(sessions: TLSSessions) -> None:
    server = Server(sessions)
    session = Session(b"1", has_ticket=False, hint=0)
    assert [server.leave(session, version="TLSv1.2") for _ in range(4)] == [None, b"1", b"1", b"1"]


def test_a_tls_1_2_ticket_without_a_stated_lifetime_lives_as_openssl_says(sessions: TLSSessions, clock: Clock) -> None:
    """RFC 5077 § 3.3."""
    server = Server(sessions)
    server.leave(Session(b"1", hint=0, timeout=100), version="TLSv1.2")
    clock.now += 99
    assert server.offered() == b"1"


def test_a_tls_1_2_session_without_id_and_ticket_is_none(sessions: TLSSessions) -> None:
    Server(sessions).leave(Session(b"", has_ticket=False, hint=0), version="TLSv1.2")
    assert len(sessions) == 0


def test_after_a_failed_resumption_the_server_is_met_anew(sessions: TLSSessions) -> None:
    server, other = Server(sessions), Server(sessions, server_hostname="elsewhere")
    other.leave(Session(b"other"))
    server.leave_at_once(Session(b"1"), Session(b"2"))
    failing = server.begin()
    assert failing.offer() is not None
    failing.failed()
    assert server.offered() is None
    assert len(sessions) == 1
    assert other.offered() == b"other"


def test_a_failed_full_handshake_takes_no_session_along(sessions: TLSSessions) -> None:
    server = Server(sessions)
    full = server.begin()
    assert full.offer() is None
    server.leave(Session(b"1"))
    full.failed()
    assert server.offered() == b"1"


def test_beyond_the_capacity_those_connected_to_longest_ago_are_dropped() -> None:
    sessions = TLSSessions(capacity=3)
    servers = [Server(sessions, Origin(b"https", b"localhost", port)) for port in range(1, 5)]
    for server in servers[:3]:
        server.leave(Session(b"1"))
    assert servers[0].leave(Session(b"2")) == b"1"
    servers[3].leave(Session(b"1"))
    assert len(sessions) == 3
    assert [server.offered() for server in servers] == [b"2", None, b"1", b"1"]
    assert len(sessions) == 0
    for number in range(10):
        Server(sessions, Origin(b"https", b"localhost", number)).leave(Session(b"1"))
    assert len(sessions) == 3


def test_a_crowd_of_connections_to_one_server_stays_within_the_capacity() -> None:
    sessions = TLSSessions(capacity=3)
    server = Server(sessions)
    server.leave_at_once(*[Session(b"%d" % number) for number in range(10)])
    assert len(sessions) == 3
    assert [server.offered() for _ in range(4)] == [b"9", b"8", b"7", None]


def test_clear(sessions: TLSSessions) -> None:
    server = Server(sessions)
    server.leave(Session(b"1"))
    sessions.clear()
    assert (len(sessions), server.offered()) == (0, None)
    server.leave(Session(b"2"))
    assert server.offered() == b"2"


def test_threads_never_get_the_same_session() -> None:
    sessions = TLSSessions(capacity=50)
    arguments = Server(sessions).arguments
    names = [b"%d" % number for number in range(8)]
    offered: List[bytes] = []
    barrier = threading.Barrier(len(names))

    def work(name: bytes) -> None:
        server = Server(sessions, **arguments)
        barrier.wait(20)
        got = [server.leave(Session(b"%s-%d" % (name, number))) for number in range(300)]
        offered.extend(session for session in got if session is not None)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    left = []
    while len(sessions):
        left.append(Server(sessions, **arguments).offered())
    assert len(set(offered)) == len(offered) > 0
    assert not set(offered) & set(left)
    assert len(left) <= 50


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_begins_without_its_parents_sessions(sessions: TLSSessions) -> None:
    """Forked while another thread is at them."""
    server = Server(sessions)
    server.leave(Session(b"1"))
    lock = _sessions._lock
    with lock:
        child = os.fork()
        if not child:
            status = 1
            try:
                if server.leave(Session(b"2")) is None and server.offered() == b"2" and not len(sessions):
                    status = 0
            finally:
                os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert server.offered() == b"1"


# Real sessions.


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """A server that greets whoever completes a handshake, and closes; gives its port."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.settimeout(20)
        stopped = threading.Event()

        def run() -> None:
            while True:
                peer, _ = listening.accept()
                with contextlib.closing(peer):
                    if stopped.is_set():
                        return
                    peer.settimeout(20)
                    try:
                        with contextlib.closing(context.wrap_socket(peer, server_side=True)) as secured:
                            secured.sendall(b"hi")
                            secured.recv(1)
                    except OSError:
                        pass  # A client that refused the certificate, or went away.

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stopped.set()
            socket.create_connection(listening.getsockname()).close()
            thread.join(20)
            assert not thread.is_alive()


def connected(port: int) -> NetworkStream:
    return SyncBackend().connect_tcp("127.0.0.1", port, timeout=20)


def test_a_stream_gives_its_session_and_resumes_another(tls: Any, accounted: None) -> None:
    with tls_server(tls.server) as port:
        session = None
        for _ in range(3):
            stream: Any = connected(port)
            secured = stream.start_tls(tls.client, "localhost", 20, session=session)
            assert type(secured) is SyncTLSStream
            assert secured.get_extra_info("ssl_object").session_reused is (session is not None)
            assert secured.read(100, 20) == b"hi"
            session = secured.get_extra_info("tls_session")
            assert isinstance(session, ssl.SSLSession)
            assert session.has_ticket
            secured.close()
            assert secured.get_extra_info("tls_session") is None


def test_a_layer_gives_its_session_and_resumes_another(tls: Any, accounted: None) -> None:
    with tls_server(tls.server) as port:
        session = None
        for _ in range(3):
            stream: Any = connected(port)
            layer = TLSLayerStream.handshake(stream, tls.client, "localhost", 20, None, session)
            assert layer.get_extra_info("ssl_object").session_reused is (session is not None)
            assert layer.read(100, 20) == b"hi"
            session = layer.get_extra_info("tls_session")
            assert isinstance(session, ssl.SSLSession)
            assert session.has_ticket
            layer.close()


def test_async_streams_give_their_sessions_and_resume_others(
    tls: Any, run: Callable[[Any], Any], accounted: None
) -> None:
    async def main() -> None:
        from core_backends import AutoBackend

        session = None
        for _ in range(3):
            stream: Any = await AutoBackend().connect_tcp("127.0.0.1", port, timeout=20)
            secured = await stream.start_tls(tls.client, "localhost", 20, session=session)
            assert type(secured) is AsyncTLSLayerStream
            assert secured.get_extra_info("ssl_object").session_reused is (session is not None)
            assert await secured.read(100, 20) == b"hi"
            session = secured.get_extra_info("tls_session")
            await secured.aclose()

    with tls_server(tls.server) as port:
        run(main)


def test_a_session_of_another_context_is_a_connect_error(tls: Any, accounted: None) -> None:
    with tls_server(tls.server) as port:
        stream: Any = connected(port)
        secured = stream.start_tls(tls.client, "localhost", 20)
        secured.read(100, 20)
        session = secured.get_extra_info("tls_session")
        secured.close()
        other: Any = connected(port)
        with pytest.raises(ConnectError):
            other.start_tls(tls.new_client(), "localhost", 20, session=session)


class Plain(NetworkStream):
    """A user's own stream, whose `start_tls` is the contract's and takes nothing else."""

    def __init__(self, stream: NetworkStream) -> None:
        self._stream = stream
        self.asked: List[str] = []

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> NetworkStream:
        return Plain(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        assert info == "ssl_object", "such a stream is asked for what it was always asked for"
        return self._stream.get_extra_info(info)


def test_a_users_own_stream_is_told_of_no_session(tls: Any, sessions: TLSSessions, accounted: None) -> None:
    with tls_server(tls.server) as port:
        for _ in range(2):
            resumption = sessions.resumption(ORIGIN, tls.client, "localhost", None)
            stream = start_tls(Plain(connected(port)), tls.client, "localhost", 20, None, resumption)
            stream.read(100, 20)
            resumption.keep()
            assert not stream.get_extra_info("ssl_object").session_reused
            stream.close()
    assert len(sessions) == 0


def test_our_own_stream_resumes_until_a_handshake_fails(tls: Any, sessions: TLSSessions, accounted: None) -> None:
    def connect(port: int) -> bool:
        resumption = sessions.resumption(ORIGIN, tls.client, "localhost", ["http/1.1"])
        stream = start_tls(connected(port), tls.client, "localhost", 20, ["http/1.1"], resumption)
        stream.read(100, 20)
        resumption.keep()
        reused = bool(stream.get_extra_info("ssl_object").session_reused)
        stream.close()
        return reused

    with tls_server(tls.server) as port:
        assert [connect(port) for _ in range(3)] == [False, True, True]
    assert len(sessions) == 1
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as hangs_up:
        stream = connected(hangs_up.getsockname()[1])
        hangs_up.accept()[0].close()
        failing = sessions.resumption(ORIGIN, tls.client, "localhost", ["http/1.1"])
        with pytest.raises(ConnectError):
            start_tls(stream, tls.client, "localhost", 20, ["http/1.1"], failing)
    assert len(sessions) == 0


@pytest.mark.parametrize("error", [AttributeError("session"), ValueError("i2d() failed"), ssl.SSLError("no")])
def test_a_session_that_cannot_be_taken_is_none(error: Exception) -> None:
    from core_backends._ssl import session_of

    class Closed:
        @property
        def session(self) -> Any:
            raise error

    assert session_of(Closed()) is None
