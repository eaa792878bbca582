"""All of the HTTP/2 corpus."""

from __future__ import annotations

from typing import List

from . import h2_compression, h2_ends, h2_fields, h2_floods, h2_flow, h2_frames, h2_messages, h2_settings
from .h2_case import H2Case

__all__ = ["CASES", "H2Case"]

CASES: List[H2Case] = [
    *h2_frames.CASES,
    *h2_compression.CASES,
    *h2_fields.CASES,
    *h2_messages.CASES,
    *h2_flow.CASES,
    *h2_settings.CASES,
    *h2_ends.CASES,
    *h2_floods.CASES,
]
