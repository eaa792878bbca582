"""Header compression (RFC 7541): hpack's decoder, an encoder of our own, and a memory for both.

Requests on one connection repeat each other, and so do responses. A block of references to a table says the same for as
long as that table stands, so both directions remember such blocks, and forget them when the table changes.

Rules that hold here:

* Blocks are encoded in the order in which they are sent, and decoded in the order in which they came, all of them.
* Credentials are never indexed (§ 7.1.3); what differs from request to request is not indexed either, so that the table
  settles. Strings go out as they are: coding them by Huffman in Python costs more than the bytes.
* A decoded list is bounded before it is built up, and after a decoding error the connection is over (§ 2.3.3).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Deque, Dict, Iterable, List, Sequence, Tuple

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hpack.table import HeaderTable

from ._errors import ConnectionFault, ErrorCodes

__all__ = ["Field", "FieldDecoder", "FieldEncoder", "FieldList", "encode_literal"]

Field = Tuple[bytes, bytes]

DEFAULT_TABLE_SIZE = 4_096
_MEMORY = 64
_LONGEST_REMEMBERED = 2_048
_ENTRY_OVERHEAD = 32

_INDEXED = 0x80
_INCREMENTAL = 0x40
_SIZE_UPDATE = 0x20
_NEVER = 0x10
_PLAIN = 0x00

_static_table: Sequence[Field] = HeaderTable.STATIC_TABLE
_static_count = len(_static_table)
_static_fields: Dict[Field, int] = {}
_static_names: Dict[bytes, int] = {}
for _index, _entry in enumerate(_static_table, 1):
    _static_fields.setdefault((_entry[0], _entry[1]), _index)
    _static_names.setdefault(_entry[0], _index)

_credentials = frozenset((b"authorization", b"proxy-authorization"))
# A short cookie could be guessed through the compressed size (§ 7.1).
_LONGEST_GUESSABLE = 20
_changing = frozenset(
    (
        b":path",
        b"content-length",
        b"content-range",
        b"date",
        b"etag",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"range",
        b"traceparent",
        b"tracestate",
        b"x-request-id",
    )
)


def _integer(value: int, prefix_bits: int, pattern: int) -> bytes:
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes((pattern | value,))
    octets = bytearray((pattern | limit,))
    value -= limit
    while value >= 128:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def encode_literal(name: bytes, value: bytes) -> bytes:
    """Return a field that no table learns of, its name from the static table where it is there (§ 6.2.2)."""
    index = _static_names.get(name, 0)
    if index:
        return _integer(index, 4, _PLAIN) + _integer(len(value), 7, 0) + value
    return b"\x00" + _integer(len(name), 7, 0) + name + _integer(len(value), 7, 0) + value


class FieldEncoder:
    """Encodes the field lists of one connection."""

    def __init__(self) -> None:
        self._limit = DEFAULT_TABLE_SIZE
        self._size = 0
        self._entries: Deque[Field] = deque()
        self._numbers: Dict[Field, int] = {}
        self._name_numbers: Dict[bytes, int] = {}
        self._updates: List[int] = []
        self.insertions = 0  # Entries are numbered by it; a block stays good while it, and `_updates`, stay.

    @property
    def settled(self) -> bool:
        """Whether a block may be sent that was encoded when `insertions` was what it is now."""
        return not self._updates

    def resize(self, limit: int) -> None:
        """Take the server's SETTINGS_HEADER_TABLE_SIZE; more than the default is not made use of (§ 4.2)."""
        limit = min(limit, DEFAULT_TABLE_SIZE)
        if limit == self._limit:
            return
        # The smallest size in between has to be told as well as the last one.
        self._updates = [min([limit, *self._updates]), limit] if self._updates else [limit]
        self._limit = limit
        self._evict()
        self.insertions += 1  # No block that was encoded before is good any more.
        self._renumber()

    def encode(self, fields: Sequence[Field]) -> bytes:
        """Return `fields` as a block, or as a part of one."""
        parts: List[bytes] = []
        if self._updates:
            parts += [_integer(size, 5, _SIZE_UPDATE) for size in self._updates]
            self._updates = []
        for field in fields:
            parts.append(self._encode_field(field))
        return b"".join(parts)

    def _encode_field(self, field: Field) -> bytes:
        index = _static_fields.get(field)
        if index is None:
            number = self._numbers.get(field)
            if number is not None:
                index = _static_count + 1 + self.insertions - number
        if index is not None:
            return _integer(index, 7, _INDEXED)
        name, value = field
        size = len(name) + len(value) + _ENTRY_OVERHEAD
        if name in _credentials or (name == b"cookie" and len(value) < _LONGEST_GUESSABLE):
            return self._encode_string(name, value, 4, _NEVER)
        if name in _changing or size * 2 > self._limit:
            return self._encode_string(name, value, 4, _PLAIN)
        block = self._encode_string(name, value, 6, _INCREMENTAL)
        self._insert(field, size)
        return block

    def _encode_string(self, name: bytes, value: bytes, prefix_bits: int, pattern: int) -> bytes:
        index = _static_names.get(name)
        if index is None:
            number = self._name_numbers.get(name)
            index = 0 if number is None else _static_count + 1 + self.insertions - number
        head = _integer(index, prefix_bits, pattern)
        if not index:
            head += _integer(len(name), 7, 0) + name
        return head + _integer(len(value), 7, 0) + value

    def _insert(self, field: Field, size: int) -> None:
        self._size += size
        self._entries.append(field)
        self.insertions += 1
        self._numbers[field] = self._name_numbers[field[0]] = self.insertions
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            field = self._entries.popleft()
            number = self._numbers.pop(field)
            if self._name_numbers.get(field[0]) == number:
                del self._name_numbers[field[0]]
            self._size -= len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD

    def _renumber(self) -> None:
        first = self.insertions - len(self._entries) + 1
        self._numbers = {field: number for number, field in enumerate(self._entries, first)}
        self._name_numbers = {field[0]: number for field, number in self._numbers.items()}


class FieldList(List[Field]):
    """The fields of a block, and what their reader made of them."""

    __slots__ = ("meaning",)

    def __init__(self, fields: Iterable[Field]) -> None:
        super().__init__(fields)
        self.meaning: Any = None


class FieldDecoder:
    """Decodes the header blocks of one connection into lists of at most `max_list_size` bytes (RFC 9113 § 6.5.2)."""

    def __init__(self, max_list_size: int) -> None:
        self._decoder = Decoder(max_header_list_size=max_list_size)
        self._memory: Dict[bytes, FieldList] = {}

    def decode(self, block: bytes) -> FieldList:
        """Return the fields of a block. The list is shared with later calls: it is not to be changed."""
        known = self._memory.get(block)
        if known is not None:
            return known
        table = self._decoder.header_table
        entries = table.dynamic_entries
        newest = entries[0] if entries else None
        before = (len(entries), table.maxsize)
        try:
            fields = FieldList((field[0], field[1]) for field in self._decoder.decode(block, raw=True))
        except OversizedHeaderListError as exc:
            raise ConnectionFault(
                ErrorCodes.ENHANCE_YOUR_CALM, f"The server's header list is too large: {exc}"
            ) from exc
        except (HPACKError, IndexError, TypeError, ValueError) as exc:
            # The decoder's text may hold the whole block.
            raise ConnectionFault(
                ErrorCodes.COMPRESSION_ERROR, f"The server sent a header block that cannot be decoded: {str(exc)[:100]}"
            ) from exc
        # An insertion puts a new object in front, whatever it pushes out behind; a size update changes the rest.
        if before != (len(entries), table.maxsize) or newest is not (entries[0] if entries else None):
            self._memory.clear()
        elif len(block) <= _LONGEST_REMEMBERED:
            if len(self._memory) >= _MEMORY:
                self._memory.clear()
            self._memory[block] = fields
        return fields
