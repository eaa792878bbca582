"""Which codec a connection gets: the fast one, unless the caller or the environment asks for h11's alone.

`HTTPCORE_H1_CODEC=h11` in the environment of the process, read once, turns the fast codec off everywhere: the first
thing to try where a server is read strangely.
"""

from __future__ import annotations

import os
from typing import Callable, Optional

from ._codec import Codec
from ._fast_codec import FastCodec

__all__ = ["codec_factory"]


def codec_factory(name: Optional[str] = None) -> Callable[[int], Codec]:
    """Return the codec called `name`, "fast" or "h11"; None for the default. Raises `ValueError` for another name."""
    if name is None:
        return _default
    if name == "fast":
        return FastCodec
    if name == "h11":
        from ._h11_codec import H11Codec  # see `_authority` in the fast codec

        return H11Codec
    raise ValueError(f"There is no HTTP/1.1 codec {name!r}, only 'fast' and 'h11'.")


_default = codec_factory(os.environ.get("HTTPCORE_H1_CODEC") or "fast")
