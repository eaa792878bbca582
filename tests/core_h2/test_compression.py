"""Header compression against hpack, which is the authority here."""

from __future__ import annotations

from typing import List, Tuple

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_h2._compression import FieldDecoder, FieldEncoder, encode_literal
from core_h2._errors import ConnectionFault, ErrorCodes
from core_h2._heads import HeadEncoder

Field = Tuple[bytes, bytes]

names = st.sampled_from(
    [b":method", b":path", b"accept", b"authorization", b"cookie", b"content-length", b"x-a", b"x-b", b"x-long-name"]
)
values = st.one_of(
    st.sampled_from([b"", b"GET", b"/", b"gzip, deflate", b"a" * 20, b"b" * 700, b"c" * 2_500]), st.binary(max_size=200)
)
field_lists = st.lists(st.tuples(names, values), max_size=12)


@given(st.lists(st.one_of(field_lists, st.integers(0, 10_000)), max_size=15))
@settings(deadline=None)
def test_what_is_encoded_is_what_hpack_decodes(steps: List[object]) -> None:
    encoder = FieldEncoder()
    decoder = hpack.Decoder(max_header_list_size=2**20)
    for step in steps:
        if isinstance(step, int):
            decoder.max_allowed_table_size = step
            encoder.resize(step)
        else:
            assert isinstance(step, list)
            block = encoder.encode(step)
            assert [tuple(field) for field in decoder.decode(block, raw=True)] == step


@given(st.lists(st.tuples(field_lists, st.booleans()), max_size=15), st.integers(0, 4_096))
@settings(deadline=None)
def test_what_hpack_encodes_is_what_is_decoded(lists: List[Tuple[List[Field], bool]], table_size: int) -> None:
    encoder = hpack.Encoder()
    decoder = FieldDecoder(2**20)
    for number, (fields, huffman) in enumerate(lists):
        if number == 3:
            encoder.header_table_size = table_size
        for _ in range(3):  # The second and third time, most of it stands in the table.
            assert list(decoder.decode(encoder.encode(fields, huffman=huffman))) == fields


def test_credentials_are_never_indexed() -> None:
    encoder = FieldEncoder()
    decoder = hpack.Decoder()
    fields = [(b"authorization", b"secret"), (b"proxy-authorization", b"secret"), (b"cookie", b"short"), (b"x", b"y")]
    for _ in range(2):
        decoded = decoder.decode(encoder.encode(fields), raw=True)
        assert [field.indexable for field in decoded] == [False, False, False, True]
    assert len(decoder.header_table.dynamic_entries) == 1


def test_a_field_that_comes_again_is_one_byte() -> None:
    encoder = FieldEncoder()
    fields = [(b"user-agent", b"somebody"), (b"x-own", b"value")]
    assert len(encoder.encode(fields)) > 20
    assert len(encoder.encode(fields)) == 2


def test_what_changes_with_each_request_does_not_wear_out_the_table() -> None:
    encoder = FieldEncoder()
    for number in range(100):
        encoder.encode([(b":path", b"/%d" % number), (b"content-length", b"%d" % number)])
    assert encoder.insertions == 0
    assert encode_literal(b":path", b"/1") == b"\x04\x02/1"
    assert hpack.Decoder().decode(encode_literal(b"x-new", b"v" * 300), raw=True) == [(b"x-new", b"v" * 300)]


def test_heads_are_remembered_until_the_table_changes() -> None:
    heads = HeadEncoder()
    decoder = hpack.Decoder()

    def send(headers: List[Field]) -> bytes:
        before, after, _ = heads.encode(b"GET", b"https", b"example.com", headers, 0)
        block = before + encode_literal(b":path", b"/") + after
        assert [tuple(field) for field in decoder.decode(block, raw=True)] == [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", b"example.com"),
            (b":path", b"/"),
            *headers,
        ]
        return block

    first = [(b"x-one", b"1")]
    assert len(send(first)) > len(send(first)) == len(send(first))
    send([(b"x-two", b"2")])  # Moves what the first refers to.
    send(first)
    heads.resize(0)
    send(first)
    send(first)
    heads.resize(4_096)
    send(first)
    send(first)


def test_a_list_that_is_too_large_ends_the_connection() -> None:
    bomb = b"\x40\x01x\x7f\x81\x1e" + b"y" * 4_000 + b"\xbe" * 16_000  # One field of 4 KB, repeated by reference.
    with pytest.raises(ConnectionFault) as caught:
        FieldDecoder(100_000).decode(bomb)
    assert caught.value.code == ErrorCodes.ENHANCE_YOUR_CALM


def with_hpack(decoder: hpack.Decoder, block: bytes) -> object:
    try:
        return [tuple(field) for field in decoder.decode(block, raw=True)]
    except (hpack.HPACKError, IndexError):
        return None


def with_ours(decoder: FieldDecoder, block: bytes) -> object:
    try:
        return list(decoder.decode(block))
    except ConnectionFault:
        return None


octets = st.sampled_from([0x00, 0x01, 0x02, 0x10, 0x20, 0x3F, 0x40, 0x41, 0x61, 0x80, 0x82, 0xBE, 0xBF, 0xC0, 0xFF])


@given(st.lists(st.one_of(st.binary(max_size=40), st.lists(octets, max_size=20).map(bytes)), max_size=10))
@settings(deadline=None)
def test_any_bytes_mean_what_hpack_says(blocks: List[bytes]) -> None:
    theirs, ours = hpack.Decoder(max_header_list_size=5_000), FieldDecoder(5_000)
    for block in [*blocks, *blocks]:
        expected = with_hpack(theirs, block)
        assert with_ours(ours, block) == expected
        if expected is None:
            break  # Decoding is over at the first error.


def test_blocks_that_insert_what_they_say_are_remembered_with_their_insertions() -> None:
    encoder, decoder, theirs = hpack.Encoder(), FieldDecoder(100_000), hpack.Decoder()
    literal = b"".join(
        b"\x40" + bytes((len(name),)) + name + bytes((len(value),)) + value
        for name, value in ((b"server", b"some" * 20), (b"etag", b"x" * 50))
    )
    for number in range(60):
        for block in (b"\x88" + literal, b"\x88\xbe\xbf", encoder.encode([]) + b"\x88" + b"\x40\x01n\x02%02d" % number):
            assert list(decoder.decode(block)) == [tuple(field) for field in theirs.decode(block, raw=True)]
    assert list(decoder._entries) == [tuple(entry) for entry in theirs.header_table.dynamic_entries]


def literal(name: bytes, size: int) -> bytes:
    return b"\x40" + bytes((len(name),)) + name + bytes((size,)) + b"v" * size


# Blocks that insert, some of them much; references to what was inserted last and before; changes of the table's size.
inserting_blocks = [
    b"\x88",
    b"\x88" + literal(b"a", 10) + literal(b"b", 60),
    b"\x88" + literal(b"c", 120) * 9,
    b"\x88" + literal(b"d", 126) * 30,
]
few_blocks = st.sampled_from(
    [
        *inserting_blocks,
        b"\x88\xbe",
        b"\x88\xbf",
        b"\x88\xc8",
        b"\x88" + literal(b"e", 5) + b"\xbe",
        b"\x20\x88",
        b"\x3f\xe1\x03\x88",
        b"\x3f\xe1\x1f\x88",
    ]
)


@given(st.lists(st.sampled_from(inserting_blocks), max_size=12), st.lists(few_blocks, max_size=20))
@settings(deadline=None)
def test_what_remembered_blocks_insert_is_there_when_it_is_referred_to(first: List[bytes], then: List[bytes]) -> None:
    theirs, ours = hpack.Decoder(max_header_list_size=100_000), FieldDecoder(100_000)
    for block in [*inserting_blocks, *first]:
        assert with_ours(ours, block) == with_hpack(theirs, block)
        assert len(ours._late) < 200
    ours._catch_up()
    assert list(ours._entries) == [tuple(entry) for entry in theirs.header_table.dynamic_entries]
    for block in then:
        expected = with_hpack(theirs, block)
        assert with_ours(ours, block) == expected
        if expected is None:
            return
    ours._catch_up()
    assert list(ours._entries) == [tuple(entry) for entry in theirs.header_table.dynamic_entries]


def test_servers_that_repeat_themselves_for_ever_take_no_memory() -> None:
    ours = FieldDecoder(100_000)
    for _ in range(3_000):
        assert len(ours.decode(b"\x88" + literal(b"a", 10) + literal(b"b", 60))) == 3
    assert len(ours._late) < 50


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_anything_else_than_a_block_is_a_fault(block: bytes) -> None:
    decoder = FieldDecoder(10_000)
    try:
        for name, value in decoder.decode(block):
            assert type(name) is bytes and type(value) is bytes
    except ConnectionFault as fault:
        assert fault.code in (ErrorCodes.COMPRESSION_ERROR, ErrorCodes.ENHANCE_YOUR_CALM)
        assert len(str(fault)) < 300
