"""The command line's words: what can be said, and what that means.

Rules that hold here:

* Whatever can be judged without opening a file or a socket is judged here, and is a usage error.
* Several ways of saying one thing exclude each other, instead of the last one winning silently.
"""

from __future__ import annotations

import argparse
import math
from typing import Optional, Sequence, Tuple

from core_backends import URL

from .exit_codes import CommandError, ExitCode

__all__ = ["parse_arguments"]

_EPILOG = """\
Exit codes: 0 a response came, 2 usage, 3 a local file, 4 cannot connect, 5 TLS, 6 the proxy refused, 7 a time limit,
8 the network failed later on, 9 the server broke the protocol, 22 status 400 or above with --fail, 130 interrupted,
141 standard output was closed.
"""


class _Parser(argparse.ArgumentParser):
    """One that leaves ending the process, and the one line before that, to the command."""

    def error(self, message: str) -> None:  # type: ignore[override]  # raises, instead of never returning
        raise CommandError(ExitCode.USAGE, f"{message} (--help says what there is)")


def parse_arguments(words: Sequence[str], version: str) -> argparse.Namespace:
    """Return what `words` mean; raises `CommandError` for what makes no sense, `SystemExit(0)` after --help."""
    options = _parser(version).parse_args(list(words))
    _check(options)
    return options


def _parser(version: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m httpcore",
        usage="python -m httpcore [options] URL",
        description="Send one HTTP request and write the response's body to standard output.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("url", metavar="URL", type=_url, help="http:// or https://, ready to be sent: not escaped here")
    parser.add_argument("--version", action="version", version=f"httpcore {version}")

    request = parser.add_argument_group("the request")
    request.add_argument("-X", "--method", type=_method, help="GET; with --data POST, with --head HEAD")
    request.add_argument(
        "-H",
        "--header",
        dest="headers",
        metavar="'NAME: VALUE'",
        type=_header,
        action="append",
        default=[],
        help="may be repeated; 'NAME:' leaves out one that is sent by default, 'NAME;' sends it empty",
    )
    request.add_argument(
        "-d", "--data", metavar="TEXT|@FILE|@-", help="the body: text, a file's bytes, or those of stdin"
    )
    version_choice = request.add_mutually_exclusive_group()
    version_choice.add_argument("--http1.1", dest="http", action="store_const", const="1.1", help="the default")
    version_choice.add_argument("--http2", dest="http", action="store_const", const="2", help="where the server agrees")
    version_choice.add_argument(
        "--http2-prior-knowledge", dest="http", action="store_const", const="prior", help="HTTP/2 without asking"
    )
    parser.set_defaults(http="1.1")

    response = parser.add_argument_group("the response")
    response.add_argument("-o", "--output", metavar="FILE", help="write the response there, not to standard output")
    response.add_argument("-i", "--include", action="store_true", help="write status and headers before the body")
    response.add_argument("-I", "--head", action="store_true", help="ask for, and write, status and headers only")
    response.add_argument("-f", "--fail", action="store_true", help="exit with 22 for a status of 400 or above")
    response.add_argument("--no-progress", action="store_true", help="no meter for long bodies on a terminal")
    response.add_argument("--trace", action="store_true", help="draw the request's phases on standard error")
    response.add_argument("--trace-svg", metavar="FILE", help="draw them into a picture")

    limits = parser.add_argument_group("time limits, in seconds")
    for name, what in (
        ("connect", "to connect, TLS and proxies included"),
        ("read", "between two pieces that arrive"),
        ("write", "for a piece to be taken"),
        ("pool", "to wait for a connection; here only for completeness"),
        ("total", "for everything until the end of the body"),
    ):
        limits.add_argument(f"--{name}-timeout", metavar="SECONDS", type=_seconds, help=what)

    tls = parser.add_argument_group("TLS")
    tls.add_argument("--ca-bundle", metavar="FILE", help="trust the authorities in it, and no others")
    tls.add_argument("--cert", metavar="FILE", help="client certificate, with the key in the same file or in --key")
    tls.add_argument("--key", metavar="FILE", help="the client certificate's key")
    tls.add_argument("-k", "--insecure", action="store_true", help="believe any certificate")
    tls.add_argument("--sni", metavar="NAME", help="the server's name for TLS, in place of the URL's host")

    way = parser.add_argument_group("the way there")
    way.add_argument(
        "--proxy",
        metavar="URL",
        type=_proxy,
        help="http, https, socks5, socks5h, socks4 or socks4a; [user:password@] before the host",
    )
    way.add_argument(
        "--proxy-header",
        dest="proxy_headers",
        metavar="'NAME: VALUE'",
        type=_header,
        action="append",
        default=[],
        help="for an HTTP proxy; may be repeated",
    )
    way.add_argument("--proxy-tunnel", action="store_true", help="a tunnel through an HTTP proxy for http:// too")
    way.add_argument("--proxy-ca-bundle", metavar="FILE", help="trust these authorities for an https proxy")
    way.add_argument("--proxy-insecure", action="store_true", help="believe any certificate of an https proxy")
    way.add_argument("--unix-socket", metavar="PATH", help="connect there, whatever the URL's host")
    way.add_argument("--local-address", metavar="ADDRESS", help="connect from this address")
    family = way.add_mutually_exclusive_group()
    family.add_argument("-4", "--ipv4", dest="family", action="store_const", const=4, help="IPv4 addresses only")
    family.add_argument("-6", "--ipv6", dest="family", action="store_const", const=6, help="IPv6 addresses only")
    way.add_argument("--retries", metavar="N", type=_count, default=0, help="try to connect again, with pauses")
    return parser


def _url(text: str) -> URL:
    try:
        url = URL(text)
    except (TypeError, ValueError) as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if url.scheme not in (b"http", b"https") or not url.host:
        raise argparse.ArgumentTypeError("it must start with http:// or https:// and name a host")
    if "@" in text.split("://", 1)[1].split("/", 1)[0].split("?", 1)[0]:
        raise argparse.ArgumentTypeError("credentials in it would not be sent: use -H 'Authorization: ...'")
    return url


def _proxy(text: str) -> Tuple[URL, Optional[Tuple[bytes, bytes]]]:
    """Return the proxy's URL and its credentials; an error never repeats them."""
    from urllib.parse import unquote_to_bytes, urlsplit

    try:
        parts = urlsplit(text)
        url = URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target="/")
    except (TypeError, ValueError):
        raise CommandError(ExitCode.USAGE, "--proxy: that is no URL") from None
    if not url.scheme or not url.host:
        raise CommandError(ExitCode.USAGE, "--proxy: it must look like http://host:port or socks5://host:port")
    if parts.username is None:
        return url, None
    return url, (unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or ""))


def _method(text: str) -> str:
    if not text or not text.isascii():
        raise argparse.ArgumentTypeError("a method is a word of ASCII characters")
    return text


def _header(text: str) -> Tuple[bytes, Optional[bytes]]:
    """Return name and value; the value is None where the header is to be left out."""
    name, colon, value = text.partition(":")
    if not colon and text.endswith(";"):
        name, colon, value = text[:-1], ":", ";"
        stated: Optional[bytes] = b""
    else:
        # RFC 9110 § 5.5: what a field's value means beyond ASCII is its own affair; UTF-8 is what is typed today.
        stated = value.strip().encode("utf-8", "surrogateescape") or None
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError("a header reads 'NAME: VALUE'")
    try:
        return name.strip().encode("ascii"), stated
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("a header's name has only ASCII letters") from None


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def _check(options: argparse.Namespace) -> None:
    """Raise `CommandError` for options that contradict each other or would silently do nothing."""
    refused = [
        (options.head and options.data is not None, "--head asks for no body, and --data would send one"),
        (options.key and not options.cert, "--key needs --cert"),
        (options.insecure and options.ca_bundle, "--insecure believes anyone, whatever --ca-bundle says"),
        (options.unix_socket and options.proxy, "--unix-socket and --proxy are two ways: choose one"),
        (options.unix_socket and (options.family or options.local_address), "a unix socket has no IP address"),
        (options.proxy_insecure and options.proxy_ca_bundle, "--proxy-insecure believes anyone"),
    ]
    scheme = options.proxy[0].scheme if options.proxy else None
    given = options.proxy_headers or options.proxy_tunnel
    refused.append(
        (given and scheme not in (b"http", b"https"), "--proxy-header and --proxy-tunnel need an HTTP --proxy")
    )
    given = options.proxy_insecure or options.proxy_ca_bundle
    refused.append((given and scheme != b"https", "--proxy-insecure and --proxy-ca-bundle need an https:// --proxy"))
    for applies, text in refused:
        if applies:
            raise CommandError(ExitCode.USAGE, text)
