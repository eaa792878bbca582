"""The status line, and what is none: other versions, other protocols, HTTP/0.9 (RFC 9112 § 4)."""

from __future__ import annotations

from typing import List

from .h1_case import WITH_LENGTH, H1Case, delivered, head, refused

__all__ = ["CASES"]

LINE = "RFC 9112 § 4"
VERSION = "RFC 9110 § 2.5"
STATUS = "RFC 9110 § 15"
REASON = "RFC 9112 § 4, reason-phrase"
OLD = "RFC 9112 § 3.3, appendix C: HTTP/0.9 is not HTTP/1"
LENGTH = b"Content-Length: 5"


def line(value: bytes) -> bytes:
    return head(LENGTH, line=value) + b"hello"


def good(name: str, source: str, sent: bytes, *, status: int = 200, reusable: bool = True) -> H1Case:
    return delivered("start: " + name, source, sent, status=status, reusable=reusable)


def bad(name: str, source: str, sent: bytes, *, endless: bytes = b"") -> H1Case:
    return refused("start: " + name, source, sent, endless=endless)


CASES: List[H1Case] = [
    good("as it should be", LINE, line(b"HTTP/1.1 200 OK")),
    good("reason empty", REASON, line(b"HTTP/1.1 200 ")),
    good(
        "reason missing with its space",
        "care: servers that leave it out exist, and nobody reads it otherwise",
        line(b"HTTP/1.1 200"),
    ),
    good("reason of words", REASON, line(b"HTTP/1.1 200 all went well")),
    good("reason of spaces", REASON, line(b"HTTP/1.1 200    ")),
    good("reason with tabs", REASON, line(b"HTTP/1.1 200 a\tb")),
    good("reason in UTF-8", REASON, line(b"HTTP/1.1 200 \xc3\xa4")),
    good("reason in Latin-1", REASON, line(b"HTTP/1.1 200 \xe4\xff")),
    good("reason that reads like another status", REASON, line(b"HTTP/1.1 200 404 Not Found")),
    good("reason of 8,000 bytes", REASON, line(b"HTTP/1.1 200 " + b"r" * 8000)),
    good("reason with a colon", REASON, line(b"HTTP/1.1 200 Content-Length: 0")),
    good(
        "ended by a line feed",
        "RFC 9112 § 2.2: a single LF may end a line",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    ),
    good("version 1.0", VERSION, line(b"HTTP/1.0 200 OK"), reusable=False),
    good("version 1.2", VERSION + ": minor versions are compatible", line(b"HTTP/1.2 200 OK")),
    good("version 1.9", VERSION + ": minor versions are compatible", line(b"HTTP/1.9 200 OK")),
    bad("version 0.9", VERSION, line(b"HTTP/0.9 200 OK")),
    bad("version 0.0", VERSION, line(b"HTTP/0.0 200 OK")),
    bad("version 2.0", VERSION + ": another major version has another syntax", line(b"HTTP/2.0 200 OK")),
    bad("version 3.0", VERSION + ": another major version has another syntax", line(b"HTTP/3.0 200 OK")),
    bad("version 9.9", VERSION + ": another major version has another syntax", line(b"HTTP/9.9 200 OK")),
    bad("version 2", "RFC 9112 § 2.3", line(b"HTTP/2 200 OK")),
    bad("version 1", "RFC 9112 § 2.3", line(b"HTTP/1 200 OK")),
    bad("version 1.", "RFC 9112 § 2.3", line(b"HTTP/1. 200 OK")),
    bad("version 1.10", "RFC 9112 § 2.3: one digit", line(b"HTTP/1.10 200 OK")),
    bad("version 01.1", "RFC 9112 § 2.3: one digit", line(b"HTTP/01.1 200 OK")),
    bad("version 1.1.1", "RFC 9112 § 2.3", line(b"HTTP/1.1.1 200 OK")),
    bad("version 1,1", "RFC 9112 § 2.3", line(b"HTTP/1,1 200 OK")),
    bad("version -1.1", "RFC 9112 § 2.3", line(b"HTTP/-1.1 200 OK")),
    bad("version x.y", "RFC 9112 § 2.3", line(b"HTTP/x.y 200 OK")),
    bad("version missing", "RFC 9112 § 2.3", line(b"HTTP 200 OK")),
    bad("version in lower case", "RFC 9112 § 2.3: case-sensitive", line(b"http/1.1 200 OK")),
    bad("version with a space", "RFC 9112 § 2.3", line(b"HTTP/ 1.1 200 OK")),
    bad("another name", "RFC 9112 § 2.3", line(b"HTTPS/1.1 200 OK")),
    bad("another name, shorter", "RFC 9112 § 2.3", line(b"HTT/1.1 200 OK")),
    bad("two spaces in front of the status", LINE, line(b"HTTP/1.1  200 OK")),
    bad("tab in front of the status", LINE, line(b"HTTP/1.1\t200 OK")),
    bad("tab behind the status", LINE, line(b"HTTP/1.1 200\tOK")),
    bad("nothing in front of the status", LINE, line(b"HTTP/1.1200 OK")),
    bad("status missing", LINE, line(b"HTTP/1.1 OK")),
    bad("status empty", LINE, line(b"HTTP/1.1  OK")),
    bad("status and reason missing", LINE, line(b"HTTP/1.1")),
    bad("status of two digits", LINE, line(b"HTTP/1.1 20 OK")),
    bad("status of one digit", LINE, line(b"HTTP/1.1 2 OK")),
    bad("status of four digits", LINE, line(b"HTTP/1.1 2000 OK")),
    bad("status of six digits", LINE, line(b"HTTP/1.1 200200 OK")),
    bad("status negative", LINE, line(b"HTTP/1.1 -20 OK")),
    bad("status with a plus", LINE, line(b"HTTP/1.1 +20 OK")),
    bad("status hexadecimal", LINE, line(b"HTTP/1.1 0xC8 OK")),
    bad("status with a letter", LINE, line(b"HTTP/1.1 20O OK")),
    bad("status with a decimal point", LINE, line(b"HTTP/1.1 200.1 OK")),
    bad("status in Arabic digits", LINE, line(b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK")),
    bad("status stuck to the reason", LINE, line(b"HTTP/1.1 200OK")),
    bad("status 000", STATUS, line(b"HTTP/1.1 000 OK")),
    bad("status 001", STATUS, line(b"HTTP/1.1 001 OK")),
    bad("status 099", STATUS, line(b"HTTP/1.1 099 OK")),
    good("status 600", STATUS + ": as if it were 5xx", line(b"HTTP/1.1 600 X"), status=600),
    good("status 999", STATUS + ": as if it were 5xx", line(b"HTTP/1.1 999 X"), status=999),
    good("status 299, which nobody knows", STATUS, line(b"HTTP/1.1 299 X"), status=299),
    good("status 418", STATUS, line(b"HTTP/1.1 418 X"), status=418),
    good("status 500", STATUS, line(b"HTTP/1.1 500 X"), status=500),
    bad("reason with a NUL", REASON, line(b"HTTP/1.1 200 O\0K")),
    bad("reason with a carriage return", "RFC 9112 § 2.2", line(b"HTTP/1.1 200 O\rK")),
    bad("reason with a vertical tab", REASON, line(b"HTTP/1.1 200 O\x0bK")),
    bad("reason that never ends", "RFC 9112 § 3: a bound", b"HTTP/1.1 200 ", endless=b"r"),
    bad("reason of spaces that never end", "RFC 9112 § 3: a bound", b"HTTP/1.1 200 ", endless=b" "),
    bad("empty line in front", "RFC 9112 § 2.2: only servers skip it", b"\r\n" + WITH_LENGTH + b"hello"),
    bad("line feed in front", "RFC 9112 § 2.2", b"\n" + WITH_LENGTH + b"hello"),
    bad("carriage return in front", "RFC 9112 § 2.2", b"\r" + WITH_LENGTH + b"hello"),
    bad("space in front", "RFC 9112 § 2.2", b" " + WITH_LENGTH + b"hello"),
    bad("byte order mark in front", LINE, b"\xef\xbb\xbf" + WITH_LENGTH + b"hello"),
    bad("NUL in front", LINE, b"\0" + WITH_LENGTH + b"hello"),
    bad("a header in front", LINE, b"Server: x\r\n" + WITH_LENGTH + b"hello"),
    bad("empty lines that never end", "RFC 9112 § 2.2", b"", endless=b"\r\n"),
    bad("a request in place of it", LINE, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    bad("our own request sent back", LINE, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\nhello"),
    bad("HTTP/0.9: a page", OLD, b"<html><body>hello</body></html>\r\n"),
    bad("HTTP/0.9: a page with empty lines", OLD, b"<html>\n\n<body>\n\n</html>\n"),
    bad("HTTP/0.9: one word", OLD, b"hello"),
    bad("HTTP/0.9: that never ends", OLD, b"", endless=b"<p>hello</p>\r\n"),
    bad("HTTP/0.9: one line that never ends", OLD, b"", endless=b"hello "),
    bad("HTTP/2: settings", "RFC 9113 § 3.4", b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff"),
    bad("HTTP/2: empty settings", "RFC 9113 § 3.4", b"\0\0\0\4\0\0\0\0\0"),
    bad("HTTP/2: a goaway", "RFC 9113 § 6.8", b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\1"),
    bad("HTTP/2: the client's preface", "RFC 9113 § 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad("TLS: an alert", "RFC 8446 § 6", b"\x15\3\1\0\2\2\x46"),
    bad("TLS: a handshake", "RFC 8446 § 5.1", b"\x16\3\3\0\x7a\2\0\0\x76\3\3" + b"r" * 32),
    bad("SSH", "RFC 4253 § 4.2", b"SSH-2.0-OpenSSH_9.6\r\n"),
    bad("SMTP", "RFC 5321 § 4.2", b"220 mail.example.com ESMTP\r\n"),
    bad("FTP", "RFC 959 § 4.2", b"220 ready\r\n"),
    bad("SOCKS5", "RFC 1928 § 3", b"\5\0"),
    bad("a WebSocket frame", "RFC 6455 § 5.2", b"\x81\5hello"),
    bad("ICY, as radio servers say it", LINE, line(b"ICY 200 OK")),
    bad("RTSP", LINE, line(b"RTSP/1.0 200 OK")),
    bad("SIP", LINE, line(b"SIP/2.0 200 OK")),
    bad("CGI that lost its server", LINE, b"Status: 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    bad("gzip without a head", LINE, b"\x1f\x8b\x08\0\0\0\0\0\0\3\xcbH\xcd\xc9\xc9\7\0\x86\xa6\x106\5\0\0\0"),
    bad("NULs that never end", LINE, b"", endless=b"\0"),
]
