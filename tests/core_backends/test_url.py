"""URL, Origin and Proxy: parsing, the texts of what is refused, and how they are written again."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_backends import URL, LocalProtocolError, Origin, Proxy, UnsupportedProtocol
from core_backends.lowlevel import authority, enforce_bytes, enforce_headers, host_header, host_text, is_secure


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://h:1/p?q#f", (b"https", b"h", 1, b"/p?q")),
        ("http://example.com", (b"http", b"example.com", None, b"/")),
        ("http://example.com?q=1", (b"http", b"example.com", None, b"/?q=1")),
        ("http://[::1]:8080/x", (b"http", b"::1", 8080, b"/x")),
        ("http://user:secret@h/x", (b"http", b"h", None, b"/x")),
        (b"ws://h/", (b"ws", b"h", None, b"/")),
        ("HTTP://EXAMPLE.com/Path", (b"http", b"example.com", None, b"/Path")),
    ],
)
def test_a_url_is_split_into_what_goes_where(text: Any, parts: Any) -> None:
    url = URL(text)
    assert (url.scheme, url.host, url.port, url.target) == parts


@pytest.mark.parametrize(
    "target", ["", "/", "/?", "/p?", "/??", "/p?q?", "/p;q?", "?", "?q", "//p", "/p//?q=/", "/a b"]
)
def test_a_target_is_the_same_with_whatever_else_is_in_the_url(target: str) -> None:
    plain = URL(f"http://h{target}")
    assert plain == URL(f"http://h{target}#fragment")
    assert plain.target == URL(f"http://user@h:80{target}").target == URL(f"http://[::1]{target}").target
    assert not plain.target.endswith(b"?") or plain.target.count(b"?") > 1


@pytest.mark.parametrize("text", ["http://h:65536/", "http://h:99999/", "http://user@h:65536/", "http://h:100000/"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ort"):
        URL(text)
    assert URL("http://h:65535/").port == 65535


@pytest.mark.parametrize(
    "host, resolved, sent",
    [
        (b"fe80::1%25eth0", "fe80::1%eth0", b"[fe80::1]"),
        (b"fe80::1%eth0", "fe80::1%eth0", b"[fe80::1]"),
        (b"fe80::1%25", "fe80::1%25", b"[fe80::1]"),
        (b"fe80::1", "fe80::1", b"[fe80::1]"),
        (b"with%25sign", "with%25sign", b"with%25sign"),
    ],
)
def test_the_zone_of_an_address_is_for_the_resolver_alone(host: bytes, resolved: str, sent: bytes) -> None:
    assert host_text(host) == resolved
    assert host_header(b"http", host, None) == sent
    assert host_header(b"http", host, 8080) == authority(host, 8080) == sent + b":8080"
    assert URL(scheme=b"http", host=host, target=b"/").host == host


@pytest.mark.parametrize("password", [b"zz/top", b"zz?top", b"zz#top", b"[zz]top", b"[zz:top", b"zz\xfftop"])
def test_no_error_repeats_a_password(password: bytes) -> None:
    try:
        shown = repr(Proxy(b"http://user:" + password + b"@proxy.test:8080"))
    except ValueError as exc:
        # A traceback shows the context, too, where that is not left out.
        shown = f"{exc!r} {exc.__cause__!r} {None if exc.__suppress_context__ else exc.__context__!r}"
    assert "zz" not in shown


def test_long_urls_are_not_remembered() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(100):
            URL(b"http://h/" + bytes(str(number), "ascii") * 50_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000_000


def test_the_repr_of_a_url_and_its_parts_as_arguments() -> None:
    url = URL("https://h:1/p?q#f")
    assert repr(url) == "URL(scheme=b'https', host=b'h', port=1, target=b'/p?q')"
    assert URL(scheme="https", host=b"h", port=1, target="/p?q") == url
    assert hash(URL(scheme="https", host=b"h", port=1, target="/p?q")) == hash(url)
    assert bytes(url) == b"https://h:1/p?q"
    assert bytes(URL("http://[::1]/")) == b"http://[::1]/"


@pytest.mark.parametrize(
    ("scheme", "port"),
    [("http", 80), ("ws", 80), ("https", 443), ("wss", 443), ("socks5", 1080), ("socks5h", 1080)],
)
def test_an_origin_has_the_default_port_of_its_scheme(scheme: str, port: int) -> None:
    origin = URL(f"{scheme}://h/").origin
    assert origin == Origin(scheme.encode(), b"h", port)
    assert str(origin) == f"{scheme}://h:{port}"
    assert len({origin, Origin(scheme.encode(), b"h", port)}) == 1


def test_only_https_and_wss_are_secure() -> None:
    assert [s for s in (b"http", b"https", b"ws", b"wss", b"socks5", b"") if is_secure(s)] == [b"https", b"wss"]


def test_type_errors_have_the_texts_that_user_code_matches() -> None:
    with pytest.raises(TypeError, match=r"^url strings may not include unicode characters\.$"):
        URL("http://☃/")
    with pytest.raises(TypeError, match=r"^method must be bytes or str, but got int\.$"):
        enforce_bytes(1, name="method")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^headers must be a mapping or sequence of two-tuples, but got int\.$"):
        enforce_headers(1, name="headers")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^header value must be bytes or str, but got int\.$"):
        enforce_headers([("a", 1)], name="headers")  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"^header name strings may not include unicode characters\.$"):
        enforce_headers({"☃": "x"}, name="headers")


@pytest.mark.parametrize("text", ["http://h/\r\nX: y", "http://h\t/", "http://h/\n"])
def test_a_url_with_line_ends_or_tabs_in_it_never_turns_into_another_url(text: str) -> None:
    try:
        url = URL(text)
    except ValueError:
        return
    assert bytes(url).decode() == text, "characters were taken out in silence"


@given(st.text(alphabet="ab:/?#@[]%\\. \r\n\t\x00", max_size=20))
@settings(deadline=None)
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    try:
        url = URL("http://" + text)
    except (ValueError, TypeError):
        return
    assert isinstance(url.host, bytes)
    assert b"\r" not in url.host and b"\n" not in url.host


@pytest.mark.parametrize(
    ("scheme", "host", "port", "text"),
    [
        (b"http", b"h", None, b"h"),
        (b"http", b"h", 80, b"h"),
        (b"http", b"h", 443, b"h:443"),
        (b"https", b"h", 443, b"h"),
        (b"http", b"::1", 81, b"[::1]:81"),
        (b"http", b"::1", None, b"[::1]"),
    ],
)
def test_a_host_header_names_the_port_only_where_it_is_not_the_default(
    scheme: bytes, host: bytes, port: Any, text: bytes
) -> None:
    assert host_header(scheme, host, port) == text


def test_an_authority_always_names_the_port() -> None:
    assert authority(b"h", 443) == b"h:443"
    assert authority(b"::1", 443) == b"[::1]:443"


@pytest.mark.parametrize("host", [b"", b"a b", b"a\r\nb", b"a/b", b"a@b", b"\xff", b"a\x00"])
def test_what_could_be_no_host_is_refused(host: bytes) -> None:
    with pytest.raises(UnsupportedProtocol):
        host_text(host)


def test_a_proxy_puts_its_credential_first_and_shows_it_nowhere() -> None:
    proxy = Proxy("http://p:8080", auth=("user", "pass"), headers=[("X", "y")])
    assert proxy.headers == [(b"Proxy-Authorization", b"Basic dXNlcjpwYXNz"), (b"X", b"y")]
    assert proxy.auth == (b"user", b"pass")
    assert "pass" not in repr(proxy) and "user" not in repr(proxy)


@pytest.mark.parametrize("auth", [("user\r\nX: y", "pass"), ("user", "p\x00ss"), (b"user\x7f", b"pass")])
def test_a_credential_with_control_characters_is_refused_and_not_shown(auth: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"^The proxy's user name or password contains a control character\.$"):
        Proxy("http://p:8080", auth=auth)
