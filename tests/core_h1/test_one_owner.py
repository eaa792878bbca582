"""Whether the server has ended an idle connection is asked by the one who has taken it, and by nobody else."""

from __future__ import annotations

from typing import Any, Callable, List

import pytest

from core_backends import ConnectionNotAvailable, MockStream, Origin
from core_h1 import HTTP11Connection

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
URL = "https://example.com/"


class CuriousStream(MockStream):
    """Lets another thread come in between, at the moment when it is asked what is there."""

    def __init__(self, buffer: List[bytes]) -> None:
        super().__init__(buffer)
        self.when_asked: Callable[[], Any] = lambda: False

    def get_extra_info(self, info: str) -> Any:
        return self.when_asked() if info == "is_readable" else super().get_extra_info(info)


def test_the_connection_is_taken_before_it_is_looked_at() -> None:
    stream = CuriousStream([RESPONSE, RESPONSE])
    outcomes: List[BaseException] = []

    def other_thread() -> bool:
        with pytest.raises(ConnectionNotAvailable) as caught:
            connection.request("GET", URL)
        outcomes.append(caught.value)
        return False

    with HTTP11Connection(Origin(b"https", b"example.com", 443), stream) as connection:
        assert connection.request("GET", URL).content == b"ok"
        stream.when_asked = other_thread
        assert connection.request("GET", URL).content == b"ok"
        assert len(outcomes) == 1
        assert connection.is_idle()


@pytest.mark.parametrize("answer", [True, OSError("of the user's own stream")])
def test_a_connection_that_failed_the_look_is_closed(answer: Any) -> None:
    stream = CuriousStream([RESPONSE, RESPONSE])

    def look() -> Any:
        if answer is True:
            return True
        raise answer

    with HTTP11Connection(Origin(b"https", b"example.com", 443), stream) as connection:
        connection.request("GET", URL)
        stream.when_asked = look
        assert connection.has_expired()
        with pytest.raises(ConnectionNotAvailable):
            connection.request("GET", URL)
        assert connection.is_closed()
