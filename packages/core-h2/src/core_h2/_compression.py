"""Header compression (RFC 7541), on hpack's static table and Huffman code.

Requests on one connection repeat each other, and so do responses. A block says the same for as long as the table that
it refers to stands, and one that refers to the static table only, for ever; so both directions remember blocks.

Rules that hold here:

* Blocks are encoded in the order in which they are sent, and decoded in the order in which they came, all of them.
* Credentials are never indexed (§ 7.1.3); what differs from request to request is not indexed either, so that the table
  settles. Strings go out as they are: coding them by Huffman in Python costs more than the bytes.
* A decoded list is bounded before it is built up, and after a decoding error the connection is over (§ 2.3.3).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Deque, Dict, Iterable, List, Sequence, Tuple

from hpack.exceptions import HPACKError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from ._errors import ConnectionFault, ErrorCodes

__all__ = ["Field", "FieldDecoder", "FieldEncoder", "FieldList", "encode_literal"]

Field = Tuple[bytes, bytes]

DEFAULT_TABLE_SIZE = 4_096
_MEMORY = 64
_LONGEST_REMEMBERED = 2_048
_ANY_TABLE = -1
_STRINGS = 256
_LONGEST_STRING = 256
_LONGEST_INTEGER = 28  # Bits beyond the prefix: more than any length or index can have.
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
        self._max_list_size = max_list_size
        self._limit = DEFAULT_TABLE_SIZE
        self._size = 0
        self._entries: Deque[Field] = deque()  # The newest first.
        self._late: Deque[Tuple[List[Field], int]] = deque()  # What is still to be inserted, the newest last.
        self._late_size = 0
        self._generation = 0  # Changes with the table.
        # Blocks with the generation in which they are good, and with what they insert and the size of that.
        self._memory: Dict[bytes, Tuple[int, FieldList, List[Field], int]] = {}
        self._strings: Dict[bytes, bytes] = {}

    def decode(self, block: bytes) -> FieldList:
        """Return the fields of a block. The list is shared with later calls: it is not to be changed.

        Raises `ConnectionFault`, after which the decoder is of no use.
        """
        known = self._memory.get(block)
        if known is not None and known[0] in (_ANY_TABLE, self._generation):
            if known[2]:
                self._insert_later(known[2], known[3])
            return known[1]
        try:
            return self._decode(block)
        except IndexError as exc:
            raise _undecodable("it ends too early, or refers to what is not there") from exc
        except HPACKError as exc:
            raise _undecodable(str(exc)[:100]) from exc

    def _decode(self, block: bytes) -> FieldList:
        if self._late:
            self._catch_up()
        fields: List[Field] = []
        inserted: List[Field] = []
        generation = self._generation
        self_contained = True  # Whether the block says the same whatever stands in the table.
        list_size = 0
        position, end = 0, len(block)
        while position < end:
            octet = block[position]
            if octet >= _INDEXED:
                index, position = _read_integer(block, position, 0x7F)
                field = _static_table[index - 1] if 0 < index <= _static_count else self._entry(index)
                self_contained = self_contained and index <= _static_count
            elif octet & 0xE0 == _SIZE_UPDATE:
                if fields:
                    raise _undecodable("a change of the table's size does not stand at its beginning")
                limit, position = _read_integer(block, position, 0x1F)
                self._resize(limit)
                self_contained = False
                continue
            else:
                index, position = _read_integer(block, position, 0x3F if octet & _INCREMENTAL else 0x0F)
                if not index:
                    name, position = self._read_string(block, position)
                elif index <= _static_count:
                    name = _static_table[index - 1][0]
                else:
                    name = self._entry(index)[0]
                    self_contained = False
                value, position = self._read_string(block, position)
                field = (name, value)
                if octet & _INCREMENTAL:
                    self._insert(field)
                    inserted.append(field)
            fields.append(field)
            list_size += len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD
            if list_size > self._max_list_size:
                raise ConnectionFault(
                    ErrorCodes.ENHANCE_YOUR_CALM,
                    f"The server sent a header list of more than {self._max_list_size} bytes",
                )
        decoded = FieldList(fields)
        if len(block) <= _LONGEST_REMEMBERED and (self_contained or self._generation == generation):
            if len(self._memory) >= _MEMORY:
                self._memory.clear()
            size = sum([len(name) + len(value) + _ENTRY_OVERHEAD for name, value in inserted])
            self._memory[block] = (_ANY_TABLE if self_contained else generation, decoded, inserted, size)
        return decoded

    def _read_string(self, block: bytes, position: int) -> Tuple[bytes, int]:
        coded = block[position] & 0x80
        length, position = _read_integer(block, position, 0x7F)
        stop = position + length
        if stop > len(block):
            raise _undecodable("a string in it is cut off")
        raw = block[position:stop]
        if not coded:
            return raw, stop
        string = self._strings.get(raw)
        if string is None:
            string = bytes(decode_huffman(raw))
            if length <= _LONGEST_STRING:
                if len(self._strings) >= _STRINGS:
                    self._strings.clear()
                self._strings[raw] = string
        return string, stop

    def _entry(self, index: int) -> Field:
        if index <= _static_count:
            raise _undecodable("it refers to entry 0")
        return self._entries[index - _static_count - 1]

    def _insert(self, field: Field) -> None:
        self._generation += 1
        self._size += len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD
        self._entries.appendleft(field)
        if self._size > self._limit:
            self._evict()

    def _insert_later(self, fields: List[Field], size: int) -> None:
        """Note what a block inserts that was decoded before: few servers refer to it, and most repeat it each time."""
        self._generation += 1
        self._late.append((fields, size))
        self._late_size += size
        # The first goes where those behind it fill the table: they would evict it, and all that is in the table.
        while len(self._late) > 1 and self._late_size - self._late[0][1] >= self._limit:
            self._late_size -= self._late.popleft()[1]

    def _catch_up(self) -> None:
        for fields, size in self._late:
            self._size += size
            self._entries.extendleft(fields)
        self._late.clear()
        self._late_size = 0
        self._evict()

    def _resize(self, limit: int) -> None:
        if limit > DEFAULT_TABLE_SIZE:
            raise _undecodable(f"it makes the table larger than {DEFAULT_TABLE_SIZE} bytes")
        self._generation += 1
        self._limit = limit
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            name, value = self._entries.pop()
            self._size -= len(name) + len(value) + _ENTRY_OVERHEAD


def _read_integer(block: bytes, position: int, mask: int) -> Tuple[int, int]:
    """Return an integer and the position behind it (§ 5.1)."""
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    for shift in range(0, _LONGEST_INTEGER, 7):
        octet = block[position]
        position += 1
        value += (octet & 127) << shift
        if octet < 128:
            return value, position
    raise _undecodable("an integer in it is too long")


def _undecodable(why: str) -> ConnectionFault:
    return ConnectionFault(
        ErrorCodes.COMPRESSION_ERROR, f"The server sent a header block that cannot be decoded: {why}"
    )
