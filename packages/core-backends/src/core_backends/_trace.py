"""Trace events: the `trace` extension of a request, and the same events as DEBUG records.

Rules that hold here:

* Off means free: without a hook and with DEBUG off there is no tracer, and a component asks once per request.
* Names are `PREFIX.EVENT.started|complete|failed`, the prefix being the last part of the logger's name.
* A hook's own exception is the caller's and passes through; what was traced is failed by it like by any other.
* A hook gets the values as they are, its owner has asked for them. A log is read by others: there, the values of header
  fields that carry credentials are replaced, wherever they stand in what an event tells.
"""

from __future__ import annotations

import logging
from types import CoroutineType
from typing import Any, Awaitable, Callable, Mapping, Optional, TypeVar

__all__ = ["AsyncTracer", "Tracer", "async_tracer", "tracer"]

T = TypeVar("T")
Info = Mapping[str, Any]

# Fields that carry credentials, or what stands for them: RFC 6265 § 4, RFC 9110 § 11, RFC 7615.
_SECRET_FIELDS = frozenset(
    (
        b"authentication-info",
        b"authorization",
        b"cookie",
        b"cookie2",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"set-cookie",
        b"set-cookie2",
    )
)
# Of a challenge (RFC 9110 § 11.3) the scheme may be read; what follows is a token with NTLM and Negotiate.
_CHALLENGES = frozenset((b"proxy-authenticate", b"www-authenticate"))
_CONCEALED = b"[secure]"


def tracer(logger: logging.Logger, extensions: Mapping[str, Any]) -> Optional[Tracer]:
    """Return a tracer for one request, or None where nobody listens.

    Who may listen is the `trace` hook of the request's `extensions`, and `logger` at DEBUG.
    """
    hook = extensions.get("trace")
    if hook is None and not logger.isEnabledFor(logging.DEBUG):
        return None
    return Tracer(logger, hook)


def async_tracer(logger: logging.Logger, extensions: Mapping[str, Any]) -> Optional[AsyncTracer]:
    """Return a tracer for one request, or None where nobody listens.

    Who may listen is the `trace` hook of the request's `extensions`, and `logger` at DEBUG.
    """
    hook = extensions.get("trace")
    if hook is None and not logger.isEnabledFor(logging.DEBUG):
        return None
    return AsyncTracer(logger, hook)


class _TracerBase:
    __slots__ = ("_hook", "_logger", "_prefix")

    def __init__(self, logger: logging.Logger, hook: Optional[Callable[[str, Any], Any]]) -> None:
        self._hook = hook
        self._logger = logger if logger.isEnabledFor(logging.DEBUG) else None
        self._prefix = logger.name.rsplit(".", 1)[-1]

    def _log(self, event: str, info: Info) -> None:
        if self._logger is None:
            return
        if not info or ("return_value" in info and info["return_value"] is None):
            self._logger.debug(event)
        else:
            self._logger.debug("%s %s", event, " ".join(f"{key}={_shown(value)!r}" for key, value in info.items()))


def _shown(value: Any) -> Any:
    """Return `value` as a log may show it: pairs of a field's name and its value are looked for in lists and tuples."""
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, tuple):
        if len(value) == 2 and isinstance(value[0], bytes) and isinstance(value[1], bytes):
            return (value[0], _shown_field(value[0].lower(), value[1]))
        return tuple(_shown(item) for item in value)
    return value


def _shown_field(name: bytes, value: bytes) -> bytes:
    if name in _SECRET_FIELDS:
        return _CONCEALED
    if name in _CHALLENGES:
        scheme, space, _ = value.partition(b" ")
        return scheme + b" " + _CONCEALED if space else scheme
    return value


def _is_awaitable(result: Any) -> bool:
    import inspect  # for those who trace: it takes longer to import than a tenth of all else

    return inspect.isawaitable(result)


class Tracer(_TracerBase):
    """Reports events to a hook and to a logger."""

    __slots__ = ()

    def event(self, event: str, info: Info) -> None:
        """Report one event; `event` is `EVENT.started` and the like, without the prefix."""
        if self._hook is not None:
            result = self._hook(f"{self._prefix}.{event}", info)
            if _is_awaitable(result):
                if isinstance(result, CoroutineType):
                    result.close()
                raise TypeError("The 'trace' extension of a synchronous request must be a plain function, not async.")
        self._log(event, info)

    def call(self, event: str, info: Info, function: Callable[..., T], *args: Any) -> T:
        """Return `function(*args)`, reported as started and then complete or failed."""
        self.event(event + ".started", info)
        try:
            result = function(*args)
        except BaseException as exc:
            self.event(event + ".failed", {"exception": exc})
            raise
        self.event(event + ".complete", {"return_value": result})
        return result


class AsyncTracer(_TracerBase):
    """Reports events to a hook, which is awaited, and to a logger."""

    __slots__ = ()

    async def event(self, event: str, info: Info) -> None:
        """Report one event; `event` is `EVENT.started` and the like, without the prefix."""
        if self._hook is not None:
            result = self._hook(f"{self._prefix}.{event}", info)
            if not _is_awaitable(result):
                raise TypeError("The 'trace' extension of an asynchronous request must be an async function.")
            await result
        self._log(event, info)

    async def call(self, event: str, info: Info, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Return `await function(*args)`, reported as started and then complete or failed."""
        await self.event(event + ".started", info)
        try:
            result = await function(*args)
        except GeneratorExit:
            # The coroutine is being finalised: nothing can be awaited any more.
            raise
        except BaseException as exc:
            await self.event(event + ".failed", {"exception": exc})
            raise
        await self.event(event + ".complete", {"return_value": result})
        return result
