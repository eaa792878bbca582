"""The header sections of requests, encoded, and remembered while they stay good.

Requests on one connection are mostly alike but for their path, which therefore stands apart: in front of it and behind
it, a section that has been sent before is sent again as it is, without being checked and encoded anew.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

from ._compression import Field, FieldEncoder, encode_literal
from ._fields import check_length, check_target, request_fields

__all__ = ["HeadEncoder"]

_MEMORY = 32
_PATHS = 64
_LONGEST_PATH = 256


class HeadEncoder:
    """Encodes the header sections of one connection, in the order in which they are sent."""

    def __init__(self) -> None:
        self._encoder = FieldEncoder()
        self._paths: Dict[bytes, bytes] = {}
        self._known: Dict[Tuple[Any, ...], Tuple[int, bytes, bytes, Optional[int]]] = {}

    def resize(self, table_size: int) -> None:
        """Take the server's SETTINGS_HEADER_TABLE_SIZE."""
        self._encoder.resize(table_size)

    def encode_path(self, target: bytes) -> bytes:
        """Return `:path` as it stands between the two parts of a section. Raises `LocalProtocolError`.

        No table learns of it, so it says the same for ever.
        """
        path = self._paths.get(target)
        if path is None:
            check_target(target)
            path = encode_literal(b":path", target)
            if len(target) <= _LONGEST_PATH:
                if len(self._paths) >= _PATHS:
                    self._paths.clear()
                self._paths[target] = path
        return path

    def encode(
        self,
        method: bytes,
        scheme: bytes,
        authority: bytes,
        headers: Sequence[Field],
        body_size: Optional[int],
    ) -> Tuple[bytes, bytes, Optional[int]]:
        """Return what stands in front of `:path`, what stands behind it, and the Content-Length.

        `body_size` is that of the body, None where it is not known yet. Raises `LocalProtocolError` for what may not be
        sent, and has changed nothing then: a block that is encoded has to be sent.
        """
        encoder = self._encoder
        try:
            key = (method, scheme, authority, tuple(headers))
            known = self._known.get(key)
        except TypeError:
            # Somebody on the way has added a pair that is not a tuple.
            key = (method, scheme, authority, tuple((name, value) for name, value in headers))
            known = self._known.get(key)
        if known is not None and known[0] == encoder.insertions and encoder.settled:
            _check_body(method, known[3], body_size)
            return known[1:]
        fields = request_fields(method, scheme, authority, headers)
        _check_body(method, fields.content_length, body_size)
        settled, insertions = encoder.settled, encoder.insertions
        before = encoder.encode(fields.before)
        after = encoder.encode(fields.after)
        # A block that changes the table says something else the second time.
        if settled and insertions == encoder.insertions:
            if len(self._known) >= _MEMORY:
                self._known.clear()
            self._known[key] = (insertions, before, after, fields.content_length)
        return before, after, fields.content_length


def _check_body(method: bytes, declared: Optional[int], size: Optional[int]) -> None:
    # A HEAD without a body may say how long that of a GET would be.
    if declared is not None and size is not None and (size or method != b"HEAD"):
        check_length(declared, size, True)
