"""What servers send: ordinary, odd and hostile responses, with the outcome that h11's grammar gives them.

An outcome is the body that is delivered, or a part of the error's text; `reusable` is whether the connection may carry
another request. Each runs whole, byte by byte, and split at every point.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional

__all__ = ["CORPUS", "Case"]


class Case(NamedTuple):
    name: str
    sent: bytes
    body: Optional[bytes] = None  # None where it ends in a RemoteProtocolError
    text: str = ""
    reusable: bool = False
    method: bytes = b"GET"
    status: Optional[int] = None


H = b"HTTP/1.1 200 OK\r\n"
CL5 = H + b"Content-Length: 5\r\n\r\n"
TE = H + b"Transfer-Encoding: chunked\r\n\r\n"

CORPUS: List[Case] = [
    # Ordinary.
    Case("length", CL5 + b"hello", b"hello", reusable=True),
    Case("length zero", H + b"Content-Length: 0\r\n\r\n", b"", reusable=True),
    Case("length with zeros in front", H + b"Content-Length: 0005\r\n\r\nhello", b"hello", reusable=True),
    Case("chunked", TE + b"5\r\nhello\r\n0\r\n\r\n", b"hello", reusable=True),
    Case("chunks", TE + b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", b"hello", reusable=True),
    Case("chunked, empty", TE + b"0\r\n\r\n", b"", reusable=True),
    Case(
        "chunk sizes in either case",
        TE + b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
        b"0123456789" * 2,
        "",
        True,
    ),
    Case("chunk size with zeros in front", TE + b"0000000000005\r\nhello\r\n00\r\n\r\n", b"hello", reusable=True),
    Case("chunk extension", TE + b"5;a=b;c\r\nhello\r\n0;last\r\n\r\n", b"hello", reusable=True),
    Case("chunk size with space behind", TE + b"5 \t\r\nhello\r\n0\r\n\r\n", b"hello", reusable=True),
    Case("trailers", TE + b"5\r\nhello\r\n0\r\nX: y\r\nZ: \r\n\r\n", b"hello", reusable=True),
    Case("body full of line ends", H + b"Content-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n", b"\r\n" * 4, reusable=True),
    Case("until the end", H + b"\r\nhello", b"hello"),
    Case("until the end, empty", H + b"\r\n", b""),
    Case("connection close", H + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    Case("connection list with close", H + b"Connection: x, CLOSE\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    Case("connection keep-alive", H + b"Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello", "", True),
    Case("version 1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    Case(
        "version 1.0 chunked", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"
    ),
    Case("version 1.9", b"HTTP/1.9 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", reusable=True),
    Case("no reason", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", b"", reusable=True),
    Case("no reason and no space", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b"", reusable=True),
    Case("reason beyond ASCII", b"HTTP/1.1 200 \xc3\xa4 \xff\r\nContent-Length: 0\r\n\r\n", b"", reusable=True),
    Case("header values beyond ASCII", H + b"A: \xff\x80\r\nContent-Length: 0\r\n\r\n", b"", reusable=True),
    Case("control characters in a value", H + b"A: a\x01b\x7f\r\nContent-Length: 0\r\n\r\n", b"", reusable=True),
    Case("empty header value", H + b"A:\r\nB: \t \r\nContent-Length: 0\r\n\r\n", b"", reusable=True),
    Case("no space before a value", H + b"A:b\r\nContent-Length:5\r\n\r\nhello", b"hello", reusable=True),
    Case("space around a value", H + b"A: \t b c \t\r\nContent-Length: \t5 \r\n\r\nhello", b"hello", reusable=True),
    Case("tab behind a value", H + b"A: b\t\r\nContent-Length: 5\r\n\r\nhello", b"hello", reusable=True),
    Case("space behind a value", H + b"A: b \r\nContent-Length: 5\r\n\r\nhello", b"hello", reusable=True),
    Case("every token character", H + b"!#$%&'*+-.^_`|~09azAZ: x\r\nContent-Length: 0\r\n\r\n", b"", reusable=True),
    Case("same length twice", H + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"hello", reusable=True),
    Case("same length in a list", H + b"Content-Length: 5, 5\r\n\r\nhello", b"hello", reusable=True),
    Case("transfer coding in capitals", H + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n", b"", reusable=True),
    Case("bare line feeds", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", b"hello", reusable=True),
    Case("mixed line ends", b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\n\r\nhello", b"hello", reusable=True),
    Case("folded line", H + b"A: b\r\n  c\r\n\td\r\nContent-Length: 5\r\n\r\nhello", b"hello", reusable=True),
    Case("no content", b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", b"", reusable=True),
    Case("no content, chunked", b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"", reusable=True),
    Case("not modified", b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", b"", reusable=True),
    Case("HEAD", CL5, b"", reusable=True, method=b"HEAD"),
    Case("HEAD, chunked", TE, b"", reusable=True, method=b"HEAD"),
    Case("HEAD, unframed", H + b"\r\n", b"", reusable=True, method=b"HEAD"),
    Case("continue first", b"HTTP/1.1 100 Continue\r\n\r\n" + CL5 + b"hello", b"hello", reusable=True),
    Case("hints first", b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" * 3 + CL5 + b"hello", b"hello", reusable=True),
    Case(
        "length on a hint is nothing",
        b"HTTP/1.1 103 H\r\nContent-Length: 9\r\n\r\n" + CL5 + b"hello",
        b"hello",
        "",
        True,
    ),
    Case(
        "close on a hint is nothing",
        b"HTTP/1.1 103 H\r\nConnection: close\r\n\r\n" + CL5 + b"hello",
        b"hello",
        "",
        True,
    ),
    Case("status 999", b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", b"", reusable=True, status=999),
    Case("CONNECT refused", b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello", b"hello", "", True, b"CONNECT", 403),
    # Ambiguous: what was framed is delivered, the connection is not used again.
    Case(
        "both framings", H + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"
    ),
    Case("both framings, other order", H + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    Case("bytes behind a length", CL5 + b"hello\r\n", b"hello"),
    Case("a second response", CL5 + b"hello" + CL5 + b"evil!", b"hello"),
    Case("bytes behind the last chunk", TE + b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b""),
    Case("bytes behind no content", b"HTTP/1.1 204 No\r\n\r\nhello", b""),
    Case("bytes behind a HEAD", CL5 + b"hello", b"", method=b"HEAD"),
    # Cut off.
    Case("nothing", b"", text="Server disconnected without sending a response."),
    Case("one byte", b"H", text="closed connection"),
    Case("half a status line", b"HTTP/1.1 20", text="closed connection"),
    Case("half a head", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", text="closed connection"),
    Case("half a body", CL5 + b"hel", text="received 3 bytes, expected 5"),
    Case("no body", CL5, text="received 0 bytes, expected 5"),
    Case("only hints", b"HTTP/1.1 103 Hints\r\n\r\n", text="Server disconnected without sending a response."),
    Case("half a chunk size", TE + b"5", text="closed connection"),
    Case("no chunk", TE + b"5\r\n", text="incomplete chunked read"),
    Case("half a chunk", TE + b"5\r\nhel", text="incomplete chunked read"),
    Case("chunk without its end", TE + b"5\r\nhello", text="incomplete chunked read"),
    Case("chunk with half its end", TE + b"5\r\nhello\r", text="incomplete chunked read"),
    Case("no last chunk", TE + b"5\r\nhello\r\n", text="incomplete chunked read"),
    Case("last chunk without its end", TE + b"5\r\nhello\r\n0\r\n", text="incomplete chunked read"),
    Case("half a trailer", TE + b"0\r\nA: b\r\n", text="closed connection"),
    # Lengths that are none.
    Case("two lengths", H + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", text="conflicting Content-Length"),
    Case("two lengths in a list", H + b"Content-Length: 5, 6\r\n\r\nhello", text="conflicting Content-Length"),
    Case("negative length", H + b"Content-Length: -5\r\n\r\nhello", text="bad Content-Length"),
    Case("signed length", H + b"Content-Length: +5\r\n\r\nhello", text="bad Content-Length"),
    Case("hexadecimal length", H + b"Content-Length: 0x5\r\n\r\nhello", text="bad Content-Length"),
    Case("decimal point", H + b"Content-Length: 5.0\r\n\r\nhello", text="bad Content-Length"),
    Case("grouped length", H + b"Content-Length: 5_0\r\n\r\nhello", text="bad Content-Length"),
    Case("spaced length", H + b"Content-Length: 5 0\r\n\r\nhello", text="bad Content-Length"),
    Case("empty length", H + b"Content-Length:\r\n\r\nhello", text="bad Content-Length"),
    Case("length of a comma", H + b"Content-Length: ,\r\n\r\nhello", text="bad Content-Length"),
    Case("length and a comma", H + b"Content-Length: 5,\r\n\r\nhello", text="conflicting Content-Length"),
    Case("length in words", H + b"Content-Length: five\r\n\r\nhello", text="bad Content-Length"),
    Case("length in other digits", H + b"Content-Length: \xd9\xa5\r\n\r\nhello", text="bad Content-Length"),
    Case("length of 21 digits", H + b"Content-Length: 100000000000000000005\r\n\r\nhello", text="bad Content-Length"),
    Case("length of 20 digits", H + b"Content-Length: 99999999999999999999\r\n\r\nhello", text="received 5 bytes"),
    Case("length with a NUL", H + b"Content-Length: 5\x00\r\n\r\nhello", text="illegal header line"),
    # Transfer codings.
    Case("gzip", H + b"Transfer-Encoding: gzip\r\n\r\nhello", text="Transfer-Encoding"),
    Case("gzip, chunked", H + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", text="Transfer-Encoding"),
    Case("chunked twice", H + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", text="Transfer-Encoding"),
    Case(
        "two transfer codings", H + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", text="multiple"
    ),
    Case("identity", H + b"Transfer-Encoding: identity\r\n\r\nhello", text="Transfer-Encoding"),
    Case("almost chunked", H + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", text="Transfer-Encoding"),
    Case("quoted chunked", H + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', text="Transfer-Encoding"),
    Case("empty coding", H + b"Transfer-Encoding:\r\n\r\nhello", text="Transfer-Encoding"),
    Case(
        "chunked with a vertical tab",
        H + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        text="illegal header line",
    ),
    # Chunks.
    Case("chunk size in words", TE + b"five\r\nhello\r\n", text="illegal chunk header"),
    Case("negative chunk size", TE + b"-5\r\nhello\r\n", text="illegal chunk header"),
    Case("prefixed chunk size", TE + b"0x5\r\nhello\r\n", text="illegal chunk header"),
    Case("signed chunk size", TE + b"+5\r\nhello\r\n", text="illegal chunk header"),
    Case("grouped chunk size", TE + b"1_0\r\nhello\r\n", text="illegal chunk header"),
    Case("space before a chunk size", TE + b" 5\r\nhello\r\n", text="illegal chunk header"),
    Case("empty chunk size", TE + b"\r\nhello\r\n", text="illegal chunk header"),
    Case("chunk size of 21 digits", TE + b"0" * 20 + b"5\r\nhello\r\n0\r\n\r\n", text="illegal chunk header"),
    Case("huge chunk", TE + b"F" * 20 + b"\r\nhello", text="incomplete chunked read"),
    Case("chunk longer than its size", TE + b"4\r\nhello\r\n0\r\n\r\n", text="malformed chunk footer"),
    Case("chunk shorter than its size", TE + b"6\r\nhello\r\n0\r\n\r\n", text="malformed chunk footer"),
    Case("chunk ended by a line feed", TE + b"5\r\nhello\n0\r\n\r\n", text="malformed chunk footer"),
    Case("chunk ended by a carriage return", TE + b"5\r\nhello\r0\r\n\r\n", text="malformed chunk footer"),
    Case("chunk size ended by a line feed", TE + b"5\nhello\r\n0\r\n\r\n", text="illegal chunk header"),
    Case("chunk extension with a line feed", TE + b"5;a\nb\r\nhello\r\n0\r\n\r\n", text="illegal chunk header"),
    Case("chunk with a NUL size", TE + b"5\x00\r\nhello\r\n", text="illegal chunk header"),
    Case("bad trailer", TE + b"0\r\nno colon\r\n\r\n", text="illegal header line"),
    # Heads.
    Case("another protocol", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", text="illegal status line"),
    Case("HTTP/0.9", b"<html><body>hello</body></html>\n\n", text="illegal status line"),
    Case("a TLS record", b"\x15\x03\x01\x00\x02\x02\x46", text="illegal"),
    Case("HTTP/2 settings", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", text="illegal"),
    Case("empty line first", b"\r\n" + CL5 + b"hello", text="line"),
    Case("line feed first", b"\n" + CL5 + b"hello", text="no response line"),
    Case("space first", b" " + CL5 + b"hello", text="illegal status line"),
    Case("lower case version", b"http/1.1 200 OK\r\n\r\n", text="illegal status line"),
    Case("version without a point", b"HTTP/2 200 OK\r\n\r\n", text="illegal status line"),
    Case("version of two digits", b"HTTP/1.10 200 OK\r\n\r\n", text="illegal status line"),
    Case("two spaces before the status", b"HTTP/1.1  200 OK\r\n\r\n", text="illegal status line"),
    Case("tab before the status", b"HTTP/1.1\t200 OK\r\n\r\n", text="illegal status line"),
    Case("status of two digits", b"HTTP/1.1 20 OK\r\n\r\n", text="illegal status line"),
    Case("status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n", text="illegal status line"),
    Case("negative status", b"HTTP/1.1 -20 OK\r\n\r\n", text="illegal status line"),
    Case("status 000", b"HTTP/1.1 000 OK\r\n\r\n", text="status_code"),
    Case("status 099", b"HTTP/1.1 099 OK\r\n\r\n", text="status_code"),
    Case("NUL in the reason", b"HTTP/1.1 200 O\x00K\r\n\r\n", text="illegal status line"),
    Case("carriage return in the reason", b"HTTP/1.1 200 O\rK\r\n\r\n", text="illegal status line"),
    Case("header without a colon", H + b"nonsense\r\n\r\n", text="illegal header line"),
    Case("header without a name", H + b": x\r\n\r\n", text="illegal header line"),
    Case("space in a name", H + b"A b: x\r\n\r\n", text="illegal header line"),
    Case("space before a colon", H + b"Content-Length : 5\r\n\r\nhello", text="illegal header line"),
    Case("name beyond ASCII", H + b"\xc3\xa4: x\r\n\r\n", text="illegal header line"),
    Case("NUL in a name", H + b"A\x00: x\r\n\r\n", text="illegal header line"),
    Case("NUL in a value", H + b"A: x\x00y\r\n\r\n", text="illegal header line"),
    Case("carriage return in a value", H + b"A: x\ry\r\n\r\n", text="illegal header line"),
    Case("form feed in a value", H + b"A: x\x0cy\r\n\r\n", text="illegal header line"),
    Case("two carriage returns", H + b"A: x\r\r\n\r\n", text="illegal header line"),
    Case("folded line first", H + b" A: b\r\n\r\n", text="continuation line"),
    Case("folded length", H + b"Content-Length: 5\r\n 0\r\n\r\nhello", text="bad Content-Length"),
    Case("101 that nobody asked for", b"HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n", text="without a pending proposal"),
    Case("request instead", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", text="illegal status line"),
    Case("CONNECT, bad head", b"HTTP/1.1 200 OK\r\nA\r\n\r\n", None, "illegal header line", False, b"CONNECT"),
]

assert len({case.name for case in CORPUS}) == len(CORPUS)
