from __future__ import annotations

import pytest

from gitopsd.core.repo_url import normalise, parse, problem, valid_ref, valid_revision


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.org/team/app.git",
        "https://user:secret@git.example.org:8443/team/app",
        "http://127.0.0.1:8080/a",
        "https://dev.example.org/team/My%20Project/_git/app",
        "ssh://git@git.example.org:2222/team/app.git",
        "git@git.example.org:team/app.git",
        "host:path",
        "file:///srv/git/app.git",
        "https://[::1]:8443/app.git",
    ],
)
def test_urls_of_repositories_are_accepted(url: str) -> None:
    assert problem(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "ssh://h/a'; id;'",
        "ssh://h/a%27;%20id;%27",
        "ssh://h/a'",
        'ssh://h/a"b',
        "ssh://h/a;b",
        "ssh://h/$HOME",
        "ssh://h/`id`",
        "git@h:a b",
        "git@h:a\nb",
        "git@h:-path",
        "git@-oProxyCommand=x:path",
    ],
)
def test_G2_urls_with_shell_characters_are_refused(url: str) -> None:
    assert problem(url)


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=x",
        "-oProxyCommand=x",
        "ext::sh -c x",
        "ext::sh",
        "ssh://-oProxyCommand=x/",
        "ssh://-oProxyCommand=x/path",
        "ssh://-u@host/path",
        "file://host/etc",
        "file:///srv/../etc",
        "/",
        "/srv/git",
        "../repos/app.git",
        "ftp://h/a",
        "https://h/",
        "https:///a",
        "",
    ],
)
def test_G4_options_commands_and_paths_are_no_urls(url: str) -> None:
    assert problem(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://h%0ahost=evil/",
        "https://h/a%0ahost=evil",
        "https://h\nhost=evil/a",
        "https://h/a%00b",
        "https://h/\x7f",
    ],
)
def test_G8_urls_with_control_characters_are_refused(url: str) -> None:
    assert problem(url)


def test_S8_the_reason_quotes_nothing_of_the_url() -> None:
    assert "CANARY" not in problem("https://u:CANARY@h/p?sig=CANARY")
    assert problem("https://u:CANARY@h/p?sig=CANARY")
    assert "CANARY" not in problem("https://u:CANARY@h:port/p")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Git.Example.org/team/app.git", "https://git.example.org/team/app/"),
        ("https://git.example.org:443/a", "https://git.example.org/a"),
        ("git@git.example.org:team/app.git", "ssh://git@git.example.org/team/app"),
        ("ssh://git.example.org:22/a", "ssh://git.example.org/a"),
        ("https://user:password@h/a", "https://h/a"),
    ],
)
def test_spellings_of_one_repository_are_the_same(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://h/a", "http://h/a"),
        ("https://h/a", "https://h/A"),
        ("https://h/a", "https://h:8443/a"),
        ("https://h/a", "https://h/ab"),
    ],
)
def test_different_repositories_are_not(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_a_text_that_is_no_url_is_its_own_key() -> None:
    assert normalise("what?") == "what?"


def test_an_scp_address_has_its_parts() -> None:
    parts = parse("git@h.example.org:team/app.git")
    assert (parts.scheme, parts.user, parts.host, parts.path, parts.scp) == (
        "ssh",
        "git",
        "h.example.org",
        "team/app.git",
        True,
    )


@pytest.mark.parametrize("name", ["main", "release/1.2", "v1.0.0", "a-b_c", "refs/heads/x", "HEAD", "é", "a@b"])
def test_names_of_branches_and_tags_are_revisions(name: str) -> None:
    assert valid_revision(name)


@pytest.mark.parametrize(
    "text",
    [
        ":/((a+)+)$",
        "HEAD^{/x}",
        "@{-1}",
        "main~999999999",
        "main^",
        "a..b",
        "--output=x",
        "-x",
        "a b",
        "a\nb",
        "a:b",
        "x*",
        "a?",
        "[a",
        "a\\b",
        "@",
        "",
        "a.lock",
        "a/",
        "/a",
        ".a",
        "a/.b",
        "a//b",
        "a.",
        "x" * 2000,
    ],
)
def test_G5_expressions_are_no_revisions(text: str) -> None:
    assert not valid_revision(text)


@pytest.mark.parametrize(
    "name", ["refs/heads/../../config", "refs/heads/a..b", "refs/", "refs/heads", "config", "refs/heads/.x"]
)
def test_G7_odd_ref_names_are_none(name: str) -> None:
    assert not valid_ref(name)


def test_full_ref_names_are_refs() -> None:
    assert all(valid_ref(name) for name in ("HEAD", "refs/heads/main", "refs/pull/1/head"))
