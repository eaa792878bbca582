"""Letting others who are ready go first, so that one write serves them all.

Responses that arrive together let many tasks run in one turn of the event loop, and each of them is likely to send its
next request in that turn. Whoever writes first waits for the turn's end and takes theirs along: one system call, and
one record of TLS, in place of one each. Threads have no turns; they put in line what they have while another writes.
"""

from __future__ import annotations

import asyncio

from core_backends.lowlevel import current_async_library

__all__ = ["async_next_turn", "next_turn"]


async def async_next_turn() -> None:
    """Return in the event loop's next turn."""
    if current_async_library() == "trio":
        import trio

        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


def next_turn() -> None:
    """Return at once."""
