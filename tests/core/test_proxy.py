"""Proxies are parsed strictly, and `noProxy` reads as Go reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.proxy import BadProxyError, Proxy, bypasses, parse_no_proxy, parse_proxy
from gitopsd.core.secret import Secret


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy.example.org:3128", Proxy("http", "proxy.example.org", 3128)),
        ("HTTP://proxy.example.org/", Proxy("http", "proxy.example.org", 80)),
        ("https://proxy.example.org", Proxy("https", "proxy.example.org", 443)),
        ("socks5://10.0.0.1", Proxy("socks5", "10.0.0.1", 1080)),
        ("socks5h://[fd00::1]:1080", Proxy("socks5h", "fd00::1", 1080)),
        ("http://u:p%40ss@h:1", Proxy("http", "h", 1, "u", Secret("p@ss"))),
        ("http://u@h:1", Proxy("http", "h", 1, "u")),
    ],
)
def test_a_proxy_is_taken_apart(text: str, proxy: Proxy) -> None:
    assert parse_proxy(text) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.example.org:3128",
        "socks5://h;touch /tmp/x:1080",
        "socks5://h;touch%20/tmp/x:1080",
        "socks5://h%3btouch:1080",
        "http://-oProxyCommand=x:1080",
        "http://$(id):1080",
        "http://`id`:1080",
        "http://h:1080/path",
        "http://h:1080?query",
        "http://h:1080#fragment",
        "http://h:0",
        "http://h:70000",
        "http://h:x",
        "http://",
        "ftp://h:1",
        "file:///h",
        "http://h\n:1",
        "http://hö:1",
        "http://" + "a" * 3000,
    ],
)
def test_G3_what_is_no_plain_proxy_is_refused(text: str) -> None:
    with pytest.raises(BadProxyError) as caught:
        parse_proxy(text)
    assert str(caught.value)


@given(st.text(max_size=60))
def test_G3_no_text_gives_a_proxy_with_an_odd_host(text: str) -> None:
    for candidate in (text, f"http://{text}", f"socks5://{text}:1080"):
        try:
            proxy = parse_proxy(candidate)
        except BadProxyError:
            continue
        assert proxy.host
        assert not proxy.host.startswith("-")
        assert set(proxy.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-:")
        assert 0 < proxy.port < 65536


def test_S8_a_proxy_is_shown_without_its_password() -> None:
    proxy = parse_proxy("http://u:CANARY@h:1")
    assert proxy.shown == "http://h:1"
    assert "CANARY" not in repr(proxy)


@pytest.mark.parametrize(
    ("entries", "host", "port", "expected"),
    [
        ("example.org", "example.org", 443, True),
        ("example.org", "git.example.org", 443, True),
        ("example.org", "notexample.org", 443, False),
        (".example.org", "git.example.org", 443, True),
        (".example.org", "example.org", 443, False),
        ("*.example.org", "git.example.org", 443, True),
        ("*.example.org", "example.org", 443, False),
        ("EXAMPLE.org", "git.Example.ORG", 443, True),
        ("example.org:8443", "example.org", 443, False),
        ("example.org:8443", "example.org", 8443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "ten.example.org", 443, False),
        ("10.0.0.1", "10.0.0.1", 22, True),
        ("10.0.0.1:22", "10.0.0.1", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("*", "anything", 1, True),
        ("a.example, b.example c.example", "c.example", 1, True),
        ("", "example.org", 443, False),
    ],
)
def test_hosts_of_noproxy_are_reached_without_one(entries: str, host: str, port: int, *, expected: bool) -> None:
    assert bypasses(parse_no_proxy(entries), host, port) is expected


@pytest.mark.parametrize("text", ["a;b", "$(id)", "-x", "http://h", "10.0.0.0/99"])
def test_a_noproxy_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadProxyError, match="entry 1"):
        parse_no_proxy(text)
