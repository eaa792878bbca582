"""For tests of what is built on, or instead of, this package's streams and backends; needs no test framework.

* `check_stream`, `check_backend` and their async twins run the contract against an implementation, a user's own too.
* `ScriptedStream` and `ScriptedBackend` stand in for the network: they play a script and record what is done to them.
* `Background` does two things at a time, in threads or tasks.

The rules of an implementation are those that stand at `NetworkStream` and `NetworkBackend`.
"""

from __future__ import annotations

from ._async.backends import check_async_backend
from ._async.scripted import AsyncScriptedBackend, AsyncScriptedStream
from ._async.streams import check_async_stream
from ._background import AsyncBackground, Background
from ._cancellation import check_async_cancellation
from ._sync.backends import check_backend
from ._sync.scripted import ScriptedBackend, ScriptedStream
from ._sync.streams import check_stream

__all__ = [
    "AsyncBackground",
    "AsyncScriptedBackend",
    "AsyncScriptedStream",
    "Background",
    "ScriptedBackend",
    "ScriptedStream",
    "check_async_backend",
    "check_async_cancellation",
    "check_async_stream",
    "check_backend",
    "check_stream",
]
