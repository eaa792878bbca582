"""Running a coroutine with a hand on each point at which it suspends.

`Stepped` stands between the event loop and a coroutine: it passes everything on, and calls `at_suspension` each time
before the coroutine's suspension reaches the loop. What is cancelled there is cancelled exactly while it waits.
"""

from __future__ import annotations

from typing import Any, Callable, Coroutine, Generator, List, Optional

# What a coroutine is at, told by the functions that it is inside of; the first match, from the outside in, wins.
_phases = [
    ("_tidy", "close"),
    ("_wait", "queue"),
    ("_established", "connect"),
    ("_send_body", "body out"),
    ("_send_some", "body out"),
    ("_send_head", "head out"),
    ("_send", "head out"),
    ("_final_head", "head in"),
    ("_receive_head", "head in"),
    ("_receive_body", "body in"),
    ("_receive", "body in"),
    ("_send_and_wait", "body in"),
    ("wait_for_answer", "head in"),
    ("_give_back", "body in"),
    ("aclose", "close"),
    ("_close_stream", "close"),
    ("_end_exchange", "close"),
    ("read_whole", "body in"),
]
_connect_steps = [
    ("_shake_hands", "socks handshake"),
    ("ask", "connect handshake"),
    ("_start_tls", "tls handshake"),
    ("handshake", "tls handshake"),
]


class Stepped:
    """Awaits `coroutine`; `at_suspension(number, yielded)` is called at each suspension, counted from 1."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at_suspension: Callable[[int, Any], None]) -> None:
        self._coroutine = coroutine
        self._at_suspension = at_suspension
        self.count = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._coroutine
        value: Any = None
        error: Optional[BaseException] = None
        while True:
            try:
                yielded = coroutine.send(value) if error is None else coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            self.count += 1
            self._at_suspension(self.count, yielded)
            value = error = None
            try:
                value = yield yielded
            except BaseException as exc:
                error = exc

    async def run(self) -> Any:
        """The same as a coroutine."""
        return await self

    def phase(self) -> str:
        """What the coroutine is at, while it is suspended."""
        names = _names_inside(self._coroutine)
        for name, phase in _phases:
            if name in names:
                if phase == "connect":
                    return next((step for inner, step in _connect_steps if inner in names), phase)
                return phase
        return "caller"


def _names_inside(coroutine: Any) -> List[str]:
    names = []
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
        if code is None:
            code = getattr(coroutine, "ag_code", None)
        if code is None:
            break
        names.append(code.co_name)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return names
