"""Where a request goes: URL, Origin and Proxy, and the rules that read them.

Rules that hold here:

* All parts are bytes; text is taken as ASCII and anything else is the caller's error (IDNA and percent-encoding
  are done by whoever builds the URL).
* Which schemes are secure, and which port each has by default, is decided in this module and nowhere else.
* An IPv6 literal carries no brackets in `host` and always carries them in text (RFC 3986 § 3.2.2).
* The zone that one may end in names an interface of this machine: it is for the resolver and not sent (RFC 6874 § 4).
"""

from __future__ import annotations

import base64
import functools
import re
import ssl
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import urlsplit

from ._exceptions import LocalProtocolError, UnsupportedProtocol

__all__ = [
    "DEFAULT_PORTS",
    "URL",
    "Origin",
    "Proxy",
    "authority",
    "enforce_bytes",
    "enforce_headers",
    "enforce_url",
    "host_header",
    "host_text",
    "is_secure",
]

BytesOrText = Union[bytes, str]
HeaderPairs = List[Tuple[bytes, bytes]]
# A mapping is invariant in its keys, so each kind of them is named: `Dict[str, str]` is no `Mapping[BytesOrText, ...]`.
HeaderTypes = Union[
    Sequence[Tuple[BytesOrText, BytesOrText]],
    Mapping[str, BytesOrText],
    Mapping[bytes, BytesOrText],
    Mapping[BytesOrText, BytesOrText],
    None,
]

DEFAULT_PORTS: Dict[bytes, int] = {
    b"ftp": 21,
    b"http": 80,
    b"https": 443,
    b"ws": 80,
    b"wss": 443,
    b"socks4": 1080,
    b"socks4a": 1080,
    b"socks5": 1080,
    b"socks5h": 1080,
}
SECURE_SCHEMES: FrozenSet[bytes] = frozenset((b"https", b"wss"))

# What may not stand in a host wherever it is written out: controls, space, and the delimiters of RFC 3986 § 3.2.
_unsafe_in_host = re.compile(rb"[\x00-\x20\x7f-\xff/?#@\\\[\]]").search
# In a URL the percent sign before a zone is encoded (RFC 6874 § 2); left as it is, it is taken for what it is.
_encoded_zone = re.compile(r"%25(?=.)")
_control_character = re.compile(rb"[\x00-\x1f\x7f]").search


def is_secure(scheme: bytes) -> bool:
    """Whether TLS to the origin belongs to `scheme`."""
    return scheme in SECURE_SCHEMES


def enforce_bytes(value: BytesOrText, *, name: str) -> bytes:
    """Return `value` as bytes; `name` stands in the `TypeError` for other types and for text beyond ASCII."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("ascii")
        except UnicodeEncodeError:
            raise TypeError(f"{name} strings may not include unicode characters.") from None
    raise TypeError(f"{name} must be bytes or str, but got {type(value).__name__}.")


def enforce_headers(value: HeaderTypes, *, name: str) -> HeaderPairs:
    """Return `value` as a new list of byte pairs in the given order and case; None is no headers.

    `name` stands in the `TypeError` for anything else.
    """
    if value is None:
        return []
    pairs: Any
    if type(value) is list:
        # What nearly everybody passes need not be asked about the abstract classes, which takes longer than the rest.
        pairs = value
    elif type(value) is dict or isinstance(value, Mapping):
        pairs = value.items()
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, str)):
        pairs = value
    else:
        raise TypeError(f"{name} must be a mapping or sequence of two-tuples, but got {type(value).__name__}.")
    try:
        # Text is encoded on the spot: calling for each name and value doubles the time.
        return [
            (
                key if type(key) is bytes else key.encode("ascii") if type(key) is str else _field(key, "name"),
                item if type(item) is bytes else item.encode("ascii") if type(item) is str else _field(item, "value"),
            )
            for key, item in pairs
        ]
    except UnicodeEncodeError:
        return [(_field(key, "name"), _field(item, "value")) for key, item in pairs]


def _field(value: BytesOrText, part: str) -> bytes:
    return enforce_bytes(value, name=f"header {part}")


def enforce_url(value: Union[URL, bytes, str], *, name: str) -> URL:
    """Return `value` as a `URL`; `name` stands in the `TypeError` for other types."""
    if isinstance(value, (bytes, str)):
        return URL(value)
    if isinstance(value, URL):
        return value
    raise TypeError(f"{name} must be a URL, bytes, or str, but got {type(value).__name__}.")


def bracketed(host: bytes) -> bytes:
    """Return `host` as it stands in text: an IPv6 literal in brackets, anything else unchanged."""
    if b":" in host and not host.startswith(b"["):
        return b"[" + host + b"]"
    return host


def _for_peers(literal: bytes) -> bytes:
    """Return an IPv6 literal as it is sent to others: in brackets, without a zone."""
    return bracketed(literal.partition(b"%")[0])


def authority(host: bytes, port: int) -> bytes:
    """Return `host:port`, for CONNECT and wherever the port must be said."""
    return b"%b:%d" % (_for_peers(host) if b":" in host else host, port)


def host_header(scheme: bytes, host: bytes, port: Optional[int]) -> bytes:
    """Return the `Host` of a request: `host`, and `port` where it is not the scheme's default (RFC 9110 § 7.2)."""
    if b":" in host:
        host = _for_peers(host)
    if port is None or port == DEFAULT_PORTS.get(scheme):
        return host
    return b"%b:%d" % (host, port)


class Origin:
    """What a connection belongs to: `scheme`, `host` and `port`, never None (RFC 9110 § 4.3.1)."""

    __slots__ = ("host", "port", "scheme")

    def __init__(self, scheme: bytes, host: bytes, port: int) -> None:
        self.scheme: bytes = scheme
        self.host: bytes = host
        self.port: int = port

    def covers(self, url: URL) -> bool:
        """Whether `url` belongs to this origin; cheaper than comparing with the URL's own origin."""
        port = url.port
        if port is None:
            port = DEFAULT_PORTS.get(url.scheme, 0)
        return url.host == self.host and port == self.port and url.scheme == self.scheme

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Origin)
            and self.host == other.host
            and self.port == other.port
            and self.scheme == other.scheme
        )

    def __hash__(self) -> int:
        return hash((self.scheme, self.host, self.port))

    def __str__(self) -> str:
        return f"{self.scheme.decode('ascii')}://{bracketed(self.host).decode('ascii')}:{self.port}"

    def __repr__(self) -> str:
        return f"Origin(scheme={self.scheme!r}, host={self.host!r}, port={self.port!r})"


class URL:
    """A request's URL, split into what goes where on the wire.

    `url` is the whole URL as text or ASCII bytes; or the parts are given: `scheme`, `host` (an IPv6 literal without
    brackets), `port` (None for the scheme's default) and `target` (path and query). A fragment is dropped: it is
    never sent (RFC 9110 § 7.1). Raises `TypeError` for wrong types and for text beyond ASCII, `ValueError` for a port
    that is none.
    """

    __slots__ = ("host", "port", "scheme", "target")

    def __init__(
        self,
        url: BytesOrText = "",
        *,
        scheme: BytesOrText = b"",
        host: BytesOrText = b"",
        port: Optional[int] = None,
        target: BytesOrText = b"",
    ) -> None:
        self.scheme: bytes
        self.host: bytes
        self.port: Optional[int]
        self.target: bytes
        if url:
            text = enforce_bytes(url, name="url")
            split = _split if len(text) <= _LONGEST_REMEMBERED else _split_anew
            self.scheme, self.host, self.port, self.target = split(text)
        else:
            self.scheme = enforce_bytes(scheme, name="scheme")
            self.host = enforce_bytes(host, name="host")
            self.port = port
            self.target = enforce_bytes(target, name="target")

    @property
    def origin(self) -> Origin:
        """The origin, with the scheme's default port filled in; a scheme without one is port 0."""
        port = self.port
        if port is None:
            port = DEFAULT_PORTS.get(self.scheme, 0)
        return Origin(self.scheme, self.host, port)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, URL)
            and self.scheme == other.scheme
            and self.host == other.host
            and self.port == other.port
            and self.target == other.target
        )

    def __hash__(self) -> int:
        return hash((self.scheme, self.host, self.port, self.target))

    def __bytes__(self) -> bytes:
        host = bracketed(self.host)
        if self.port is None:
            return b"%b://%b%b" % (self.scheme, host, self.target)
        return b"%b://%b:%d%b" % (self.scheme, host, self.port, self.target)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(scheme={self.scheme!r}, host={self.host!r}, port={self.port!r}, "
            f"target={self.target!r})"
        )


# The ordinary form: scheme, a host without userinfo or brackets, an optional port, path and query without fragment.
# Controls and spaces are let through to the target, where whoever encodes the request refuses them by name.
_ordinary_url = re.compile(
    rb"([A-Za-z][A-Za-z0-9+.\-]*)://([^\x00-\x20\x7f-\xff/?#@\\:\[\]%]+)(?::([0-9]{1,5}))?(/[^#\t\r\n]*)?\Z"
).match


def _split_anew(url: bytes) -> Tuple[bytes, bytes, Optional[int], bytes]:
    match = _ordinary_url(url)
    if match is not None:
        scheme, host, digits, target = match.groups()
        port = int(digits) if digits else None
        if port is None or port < 65536:
            target = target or b"/"
            if target.find(b"?") == len(target) - 1:
                target = target[:-1]  # A query of nothing is none, here as below.
            return scheme.lower(), host.lower(), port, target
    # `urlsplit` quietly removes tabs and line ends; a URL that has them is not the URL that was meant.
    if b"\t" in url or b"\r" in url or b"\n" in url:
        raise ValueError("url may not contain tab, carriage return or line feed characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What the standard library says repeats parts of the URL, and those may be of a password.
        raise ValueError(
            "url has an illegal host or port, or bytes beyond ASCII. In a user name or password, the characters "
            "/ ? # [ ] must be percent-encoded."
        ) from None
    target = parts.path or b"/"
    if parts.query:
        target += b"?" + parts.query
    return parts.scheme, parts.hostname or b"", port, target


# A program asks for some URLs again and again; remembering the last few hundred spares those 2 µs each. Long ones are
# made up for one request, and would add up in memory.
_split = functools.lru_cache(maxsize=512)(_split_anew)
_LONGEST_REMEMBERED = 1024


def host_text(host: bytes) -> str:
    """Return `host` as text for a resolver, the zone of an IPv6 literal decoded.

    Raises `UnsupportedProtocol` where it is missing or could be no host.
    """
    if not host:
        raise UnsupportedProtocol("Request URL is missing a host.")
    if _unsafe_in_host(host):
        raise UnsupportedProtocol(f"Request URL has an illegal host {host!r}.")
    text = host.decode("ascii")
    return _encoded_zone.sub("%", text) if ":" in text else text


class Proxy:
    """A proxy and what it is told.

    `url` is `http://`, `https://`, `socks5://`, `socks5h://`, `socks4://` or `socks4a://` with the proxy's host and
    port. `auth` is a user name and a password, `headers` go to the proxy with every request that it reads, and
    `ssl_context` secures the connection to the proxy: to an `https` one always (None: the default context), to a SOCKS
    one if it is given. Credentials that stand in the URL are not read. Raises `LocalProtocolError` for credentials
    with control characters.

    `tunnel` opens a tunnel for `http` origins too, which an HTTP proxy is asked to forward otherwise.
    `resolve_locally` sends a SOCKS proxy addresses in place of names. `on_challenge(request, response)` answers an
    HTTP proxy's 407 to CONNECT with the headers to ask again with, or None to give up; it is awaited on the async side.
    """

    def __init__(
        self,
        url: Union[URL, bytes, str],
        auth: Optional[Tuple[BytesOrText, BytesOrText]] = None,
        headers: HeaderTypes = None,
        ssl_context: Optional[ssl.SSLContext] = None,
        *,
        tunnel: bool = False,
        resolve_locally: bool = False,
        on_challenge: Optional[Callable[[Any, Any], Any]] = None,
    ) -> None:
        self.tunnel = tunnel
        self.resolve_locally = resolve_locally
        self.on_challenge = on_challenge
        self.url: URL = enforce_url(url, name="url")
        self.headers: HeaderPairs = enforce_headers(headers, name="headers")
        self.ssl_context = ssl_context
        self.auth: Optional[Tuple[bytes, bytes]] = None
        if auth is not None:
            self.auth = (enforce_bytes(auth[0], name="auth"), enforce_bytes(auth[1], name="auth"))
            self.headers = [(b"Proxy-Authorization", basic_authorization(*self.auth)), *self.headers]

    def __repr__(self) -> str:
        secret = "('********', '********')" if self.auth is not None else "None"
        return f"{type(self).__name__}(url={self.url!r}, auth={secret})"


def basic_authorization(username: bytes, password: bytes) -> bytes:
    """Return the value of a `Basic` credential; raises `LocalProtocolError` for control characters (RFC 7617 § 2)."""
    if _control_character(username) or _control_character(password):
        raise LocalProtocolError("The proxy's user name or password contains a control character.")
    return b"Basic " + base64.b64encode(username + b":" + password)
