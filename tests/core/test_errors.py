"""Errors say what, where, why and what to do next, and show no credential."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core import errors
from gitopsd.core.errors import ClusterDown, ClusterError, GitopsdError, beside, shown_url, without_hint


def family(root: type[GitopsdError] = GitopsdError) -> list[type[GitopsdError]]:
    """Return the class and all below it that errors.py defines."""
    below = [error for error in root.__subclasses__() if error.__module__ == errors.__name__]
    return [root, *(found for error in below for found in family(error))]


@pytest.mark.parametrize("error", family(), ids=lambda error: error.__name__)
def test_every_error_has_its_line_in_the_tree_and_a_docstring(error: type[GitopsdError]) -> None:
    assert errors.__doc__ is not None
    lines = [line.strip("│├└─ ") for line in errors.__doc__.splitlines()]
    assert any(line.split(" ")[0] == error.__name__ for line in lines)
    assert error.__doc__


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (GitopsdError("it broke"), "it broke"),
        (GitopsdError("it broke", where="a.yaml:3"), "a.yaml:3: it broke"),
        (GitopsdError("it broke", why="too old"), "it broke: too old"),
        (GitopsdError("it broke", hint="wait"), "it broke. Try: wait"),
        (GitopsdError("it broke.", hint="wait"), "it broke. Try: wait"),
        (GitopsdError("it broke", where="a:1", why="too old.", hint="wait"), "a:1: it broke: too old. Try: wait"),
        (
            GitopsdError("it broke", why="b:2: too old. Try: a new one", hint="wait"),
            "it broke: b:2: too old. Try: a new one",
        ),
        (GitopsdError("it broke", why="b. Try: c; d. Try: e", hint="wait"), "it broke: b. Try: c; d. Try: e"),
    ],
)
def test_an_error_is_one_line(error: GitopsdError, text: str) -> None:
    assert str(error) == text


def test_the_hint_of_the_cause_takes_the_place_of_the_other() -> None:
    error = GitopsdError("it broke", why=str(GitopsdError("too old", hint="a new one")), hint="wait")
    assert (error.why, error.hint) == ("too old", "a new one")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("cluster local, apps/Deployment shop/web: it is refused", "it is refused"),
        ("apps/Deployment shop/web: it is refused", "it is refused"),
        ("cluster local: it does not answer", "cluster local: it does not answer"),
        ("apps/Deployment shop/web2: it is refused", "apps/Deployment shop/web2: it is refused"),
        ("Service shop/web: apps/Deployment shop/web: no", "Service shop/web: apps/Deployment shop/web: no"),
    ],
)
def test_beside_the_name_of_the_object_an_error_does_not_repeat_it(said: str, shown: str) -> None:
    assert beside("apps/Deployment shop/web", said) == shown


def test_a_line_is_told_apart_from_what_to_try() -> None:
    assert without_hint("it broke: too old. Try: wait") == ("it broke: too old", ". Try: wait")
    assert without_hint("it broke") == ("it broke", "")


def test_a_cluster_error_carries_what_the_api_server_said() -> None:
    error = ClusterDown("gone", status=503, reason="ServiceUnavailable", retry_after=2.5, retryable=True)
    assert isinstance(error, ClusterError)
    assert (error.status, error.reason, error.retry_after, error.retryable) == (503, "ServiceUnavailable", 2.5, True)
    assert ClusterError("no").retry_after is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://git.example.org/team/app.git", "https://git.example.org/team/app.git"),
        ("https://u:CANARY@git.example.org/app.git", "https://git.example.org/app.git"),
        ("https://CANARY@git.example.org/app.git", "https://git.example.org/app.git"),
        ("https://u:CANARY@git.example.org:8443/app.git?sig=CANARY#CANARY", "https://git.example.org:8443/app.git"),
        ("https://u:p@CANARY@git.example.org/app", "https://git.example.org/app"),
        ("https://u:CANARY@[2001:db8::1]:8443/app", "https://[2001:db8::1]:8443/app"),
        ("https://u:CANARY@host:notaport/app", "https://…"),
        ("https://[u:CANARY@host/app", "https://…"),
        ("ssh://git:CANARY@git.example.org/app", "ssh://git.example.org/app"),
        ("CANARY@git.example.org:team/app.git", "git.example.org:team/app.git"),
        ("git.example.org:team/app.git?token=CANARY", "git.example.org:team/app.git"),
        ("u:CANARY@git.example.org:team/app.git", "git.example.org:team/app.git"),
        ("file:///srv/git/app.git", "file:///srv/git/app.git"),
        ("/srv/git/a@b.git", "/srv/git/a@b.git"),
        ("HTTPS://U:CANARY@Git.example.org/a", "https://git.example.org/a"),
        ("", ""),
        ("//u:CANARY@host/app", "host/app"),
        ("//CANARY@host/app", "host/app"),
        ("https:/u:CANARY@host/app", "host/app"),
        ("https:/CANARY@host/app", "host/app"),
        ("u:CANARY@host/https://x", "host/https://x"),
        ("u:p@CANARY@host:app", "host:app"),
    ],
)
def test_S8_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown


SCHEME = st.sampled_from(["https", "http", "ssh", "git+ssh", "oci"])
HOST = st.sampled_from(["git.example.org", "10.0.0.1", "[2001:db8::1]", "localhost:8443", "host:x", "[odd", ""])
USER = st.sampled_from(
    ["u:CANARY", "CANARY", "CANARY:", ":CANARY", "a:b:CANARY", "a@b:CANARY", "u:CANARY%40", "u:CANARY#"]
)
TAIL = st.sampled_from(["", "/", "/app.git", "/app?x=CANARY", "/app#CANARY", "?CANARY", "/a b", "/%2e"])


@given(SCHEME, USER, HOST, TAIL)
def test_S8_no_credential_survives_whatever_the_url(scheme: str, user: str, host: str, tail: str) -> None:
    assert "CANARY" not in shown_url(f"{scheme}://{user}@{host}{tail}")


@given(st.text(max_size=60))
def test_Z2_no_text_at_all_breaks_it(url: str) -> None:
    shown_url(url)
    shown_url(f"https://{url}")
