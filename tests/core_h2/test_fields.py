"""Fields of requests and responses."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from core_backends import LocalProtocolError
from core_h2._errors import StreamFault
from core_h2._fields import check_length, check_target, request_fields, response_head, trailer_fields, unchecked_head

Field = Tuple[bytes, bytes]


def fields_of(headers: List[Field], method: bytes = b"GET") -> List[Field]:
    fields = request_fields(method, b"https", b"example.com", headers)
    return [*fields.before, *fields.after]


def test_pseudo_headers_come_first_and_names_are_lowered() -> None:
    assert fields_of([(b"Accept", b"*/*"), (b"X-One", b"1"), (b"x-one", b"2")]) == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"example.com"),
        (b"accept", b"*/*"),
        (b"x-one", b"1"),
        (b"x-one", b"2"),
    ]


def test_host_becomes_the_authority() -> None:
    assert fields_of([(b"Host", b"other.com:8443")])[2:] == [(b":authority", b"other.com:8443")]
    with pytest.raises(LocalProtocolError, match="multiple Host"):
        fields_of([(b"Host", b"a"), (b"host", b"b")])


def test_connect_has_neither_scheme_nor_path() -> None:
    assert fields_of([(b"Host", b"a:1")], b"CONNECT") == [(b":method", b"CONNECT"), (b":authority", b"a:1")]


@pytest.mark.parametrize("name", [b"Connection", b"Keep-Alive", b"Proxy-Connection", b"Transfer-Encoding", b"Upgrade"])
def test_what_belongs_to_an_http1_connection_stays_behind(name: bytes) -> None:
    assert fields_of([(name, b"something"), (b"a", b"b")])[3:] == [(b"a", b"b")]


def test_what_connection_names_stays_behind() -> None:
    headers = [(b"X-Hop", b"1"), (b"Connection", b"close, X-Hop"), (b"x-end", b"2")]
    assert fields_of(headers)[3:] == [(b"x-end", b"2")]


def test_te_says_trailers_or_nothing() -> None:
    assert fields_of([(b"TE", b"gzip, Trailers")])[3:] == [(b"te", b"trailers")]
    assert fields_of([(b"TE", b"gzip")])[3:] == []


def test_cookies_are_split() -> None:
    assert fields_of([(b"Cookie", b"a=b; c=d")])[3:] == [
        (b"cookie", b"a=b"),
        (b"cookie", b"c=d"),
    ]
    assert fields_of([(b"Cookie", b"a=b")])[3:] == [(b"cookie", b"a=b")]


@pytest.mark.parametrize("value", [b"a\r\nb", b"a\nb", b"a\rb", b"\x00", b" a", b"a ", b"a\t", b"a\x0bb"])
def test_an_illegal_value_is_refused_in_the_words_of_http1(value: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        fields_of([(b"x", value)])
    assert str(caught.value) == f"Illegal header value {value!r}"


@pytest.mark.parametrize("value", [b"", b"a", b"a b", b"a\tb", b"\xe9\xff", b"\x7f"])
def test_legal_values(value: bytes) -> None:
    assert fields_of([(b"x", value)])[3:] == [(b"x", value)]


@pytest.mark.parametrize("name", [b"Authorization", b"Proxy-Authorization", b"Cookie"])
def test_credentials_are_never_shown(name: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        fields_of([(name, b"Basic secret\n")])
    assert "secret" not in repr(caught.value) and "Illegal header value" in str(caught.value)


@pytest.mark.parametrize("name", [b"", b":path", b"a b", b"a:b", b"a\n", b"\xe9"])
def test_an_illegal_name_is_refused(name: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="Illegal header name"):
        fields_of([(name, b"v")])


def test_illegal_methods_and_targets_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="Illegal method characters"):
        fields_of([], b"G T")
    for target in (b"", b"/a b", b"/\r\n", b"/\xe9"):
        with pytest.raises(LocalProtocolError, match="Illegal target characters"):
            check_target(target)
    check_target(b"*")


def test_content_length() -> None:
    fields = request_fields(b"PUT", b"https", b"h", [(b"Content-Length", b"5"), (b"content-length", b"5")])
    assert fields.content_length == 5 and fields.after == [(b"content-length", b"5")]
    for headers in ([(b"content-length", b"-1")], [(b"content-length", b"1"), (b"content-length", b"2")]):
        with pytest.raises(LocalProtocolError, match="Content-Length"):
            fields_of(headers)
    check_length(5, 3, False)
    with pytest.raises(LocalProtocolError, match="Too little"):
        check_length(5, 3, True)
    with pytest.raises(LocalProtocolError, match="Too much"):
        check_length(5, 6, False)


def test_a_response_head() -> None:
    head = response_head([(b":status", b"204"), (b"content-length", b"7"), (b"x", b"y")])
    assert (head.status, head.content_length, head.informational) == (204, 7, False)
    assert head.headers == [(b"content-length", b"7"), (b"x", b"y")]
    assert response_head([(b":status", b"103")]).informational


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"a", b"b")],
        [(b"a", b"b"), (b":status", b"200")],
        [(b":status", b"200"), (b":status", b"200")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b":status", b"20")],
        [(b":status", b"099")],
        [(b":status", b"2x0")],
        [(b":status", b"101")],
        [(b":status", b"200"), (b"Upper", b"case")],
        [(b":status", b"200"), (b"", b"v")],
        [(b":status", b"200"), (b"a b", b"v")],
        [(b":status", b"200"), (b"a", b"v\r\nb: c")],
        [(b":status", b"200"), (b"a", b"\x00")],
        [(b":status", b"200"), (b"a", b" v")],
        [(b":status", b"200"), (b"a", b"v\t")],
        [(b":status", b"200"), (b"connection", b"close")],
        [(b":status", b"200"), (b"transfer-encoding", b"chunked")],
        [(b":status", b"200"), (b"content-length", b"x")],
        [(b":status", b"200"), (b"content-length", b"1"), (b"content-length", b"2")],
    ],
)
def test_a_malformed_response_is_the_streams_fault(fields: List[Field]) -> None:
    with pytest.raises(StreamFault, match="malformed response"):
        response_head(fields)


def test_trailers_have_no_pseudo_headers() -> None:
    assert trailer_fields([(b"grpc-status", b"0")]) == [(b"grpc-status", b"0")]
    with pytest.raises(StreamFault):
        trailer_fields([(b":status", b"200")])


def test_without_validation_a_status_is_all_that_is_needed() -> None:
    head = unchecked_head([(b"Strange", b" value"), (b":status", b"200"), (b"content-length", b"3")])
    assert (head.status, head.content_length) == (200, 3)
    assert head.headers == [(b"Strange", b" value"), (b"content-length", b"3")]
    with pytest.raises(StreamFault):
        unchecked_head([(b"a", b"b")])
