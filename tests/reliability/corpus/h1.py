"""All of the HTTP/1.1 corpus."""

from __future__ import annotations

from typing import List

from . import (
    h1_chunks,
    h1_coding,
    h1_cut,
    h1_fields,
    h1_informational,
    h1_length,
    h1_no_body,
    h1_persistence,
    h1_start_line,
    h1_trailers,
)
from .h1_case import H1Case

__all__ = ["CASES", "H1Case"]

CASES: List[H1Case] = [
    *h1_length.CASES,
    *h1_coding.CASES,
    *h1_chunks.CASES,
    *h1_trailers.CASES,
    *h1_start_line.CASES,
    *h1_fields.CASES,
    *h1_informational.CASES,
    *h1_no_body.CASES,
    *h1_persistence.CASES,
    *h1_cut.CASES,
]
