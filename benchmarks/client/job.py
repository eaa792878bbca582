"""What one measured run is asked to do, as it arrives on the worker's standard input."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, fields
from typing import Any, Dict, List, Optional

__all__ = ["HEADERS", "TIMEOUT", "Job"]

HEADERS = {"User-Agent": "benchmark", "Accept": "*/*", "Accept-Encoding": "identity"}

TIMEOUT = 120.0
"""Seconds; long enough never to fire, set because real clients set one and pay for it."""


@dataclass(frozen=True)
class Job:
    """One run: `requests` exchanges over `urls` by `concurrency` tasks or threads on one client, beside `idle`
    connections that are open; with `resumes`, TLS sessions of earlier connections are resumed."""

    flavour: str
    load: str
    urls: List[str]
    body_size: int
    requests: int = 1
    concurrency: int = 1
    limit: int = 100
    idle: int = 0
    http2: bool = False
    closes: bool = False
    resumes: bool = False
    cafile: Optional[str] = None
    proxy: Optional[str] = None
    profile: Optional[str] = None

    @classmethod
    def from_json(cls, document: Dict[str, Any]) -> Job:
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(document) - known)
        if unknown:
            raise ValueError(f"unknown job members: {', '.join(unknown)}")
        return cls(**document)

    def ssl_context(self) -> Optional[ssl.SSLContext]:
        """A fresh context that trusts the benchmark server alone, or None for plain text."""
        return None if self.cafile is None else ssl.create_default_context(cafile=self.cafile)

    def content(self) -> bytes:
        """The body of an upload.

        It holds something: zeroed memory that nobody has written to is one page many times over, which never leaves the
        processor's cache, or is not, by what the process did before. The same upload then costs half or all.
        """
        return b"0123456789abcdef" * (self.body_size // 16)

    @property
    def secure(self) -> bool:
        return self.cafile is not None
