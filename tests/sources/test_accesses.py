"""Which entry or template an origin gets, and who may not use it."""

from __future__ import annotations

from gitopsd.core.origin import OriginKind, chart_origin, file_origin
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import ConnectionStatus, RepositoryAccess
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.connections import Connections
from gitopsd.testing.clock import FakeClock


def access(url: str, password: str = "", kind: OriginKind = OriginKind.GIT, project: str = "") -> RepositoryAccess:
    secret = Secret(password) if password else None
    return RepositoryAccess(url, username="u" if password else "", password=secret, kind=kind, project=project)


def password_of(accesses: Accesses, origin: str) -> str:
    found = accesses.find(origin).password
    return found.reveal() if found else ""


def test_an_entry_is_for_every_spelling_of_its_url_and_for_no_other() -> None:
    accesses = Accesses([access("https://h/team/app.git", "own")])
    assert password_of(accesses, "https://H/team/app/") == "own"
    assert password_of(accesses, "https://h/team/app/sub") == ""
    assert password_of(accesses, "http://h/team/app.git") == ""
    assert accesses.find("https://h/team/app").url == "https://h/team/app.git"


def test_S15_the_longest_template_wins_by_whole_segments() -> None:
    accesses = Accesses(
        templates=[access("https://h", "host"), access("https://h/team", "team"), access("https://h/team/app", "app")]
    )
    assert password_of(accesses, "https://h/team/app.git") == "app"
    assert password_of(accesses, "https://h/team/application.git") == "team"
    assert password_of(accesses, "https://h/teamster/app.git") == "host"
    assert password_of(accesses, "https://other/team/app.git") == ""
    assert password_of(accesses, "https://h.evil.example/team/app.git") == ""
    assert password_of(accesses, "https://h:8443/team/app.git") == ""
    assert accesses.inherits("https://h/team/app.git") == "https://h/team/app"


def test_a_template_serves_only_entries_without_credentials_and_leaves_their_trust() -> None:
    proxy = Proxy("http", "p", 1)
    template = RepositoryAccess(
        "https://h", username="u", password=Secret("template"), ca="template's", proxy=proxy, no_proxy=("x",)
    )
    bare = RepositoryAccess("https://h/bare", ca="own", name="bare", project="p", depth=3)
    accesses = Accesses([access("https://h/own", "own"), bare], [template])
    assert password_of(accesses, "https://h/own") == "own"
    assert accesses.find("https://h/own").proxy is None
    assert accesses.inherits("https://h/own") == ""
    found = accesses.find("https://h/bare.git")
    assert (password_of(accesses, "https://h/bare"), found.ca, found.proxy, found.no_proxy) == (
        "template",
        "own",
        proxy,
        ("x",),
    )
    assert (found.name, found.project, found.depth, found.url) == ("bare", "p", 3, "https://h/bare")


def test_a_url_with_a_password_of_its_own_gets_none_of_a_template() -> None:
    accesses = Accesses(templates=[access("https://h", "template")])
    assert password_of(accesses, "https://me:mine@h/app.git") == ""


def test_an_ssh_template_serves_both_spellings() -> None:
    template = RepositoryAccess("git@h:team", ssh_private_key=Secret("key"), ssh_known_hosts="h ssh-ed25519 AA")
    accesses = Accesses(templates=[template])
    for url in ("git@h:team/app.git", "ssh://git@h/team/app.git"):
        assert accesses.find(url).ssh_private_key == Secret("key")
        assert accesses.find(url).ssh_known_hosts == "h ssh-ed25519 AA"
    assert accesses.find("git@h:teamster/app.git").ssh_private_key is None


def test_charts_and_files_have_the_credentials_of_what_they_lie_below() -> None:
    accesses = Accesses(
        [
            access("https://charts.example/stable", "helm", OriginKind.HELM),
            access("oci://registry.example/charts", "oci", OriginKind.OCI),
            access("https://git.example/a", "git"),
        ],
        [access("https://files.example/raw", "files")],
    )
    assert password_of(accesses, chart_origin("https://charts.example/stable/", "web")) == "helm"
    assert password_of(accesses, chart_origin("https://charts.example/other", "web")) == ""
    assert password_of(accesses, chart_origin("registry.example/charts", "team/web")) == "oci"
    assert password_of(accesses, chart_origin("registry.example/charts-of-others", "web")) == ""
    assert accesses.find("oci://registry.example/charts/web").url == "oci://registry.example/charts/web"
    assert password_of(accesses, file_origin("https://charts.example/stable/values.yaml")) == "helm"
    assert password_of(accesses, file_origin("https://git.example/a/values.yaml")) == ""
    assert password_of(accesses, file_origin("https://files.example/raw/values.yaml")) == "files"


def test_a_text_that_is_no_url_has_no_credentials() -> None:
    accesses = Accesses([access("https://h/a", "x")], [access("https://h", "y")])
    assert accesses.find("--upload-pack=x") == RepositoryAccess("--upload-pack=x")


def test_a_repository_of_one_project_is_refused_to_the_others() -> None:
    accesses = Accesses([access("https://h/a.git", "x", project="payments"), access("https://h/b.git", "x")])
    assert accesses.refusal("https://h/a", "payments") == ""
    assert "project payments alone" in accesses.refusal("https://h/a", "default")
    assert accesses.refusal("https://h/b.git", "default") == ""
    assert accesses.refusal("https://elsewhere/c.git", "default") == ""


def test_of_two_entries_for_one_url_the_first_counts_with_its_project() -> None:
    accesses = Accesses([access("https://h/a", "one", project="one"), access("https://h/a.git", "two", project="two")])
    assert password_of(accesses, "https://h/a") == "one"
    assert accesses.refusal("https://h/a", "two") != ""


async def test_the_last_request_of_each_repository_is_its_connection_state() -> None:
    connections = Connections(FakeClock())
    accesses = Accesses(
        [
            access("https://h/a.git", "CANARY"),
            access("oci://r/charts", "CANARY", OriginKind.OCI),
            access("https://h/c"),
        ],
        [access("https://t", "CANARY")],
    )
    connections.note("https://h/a")
    connections.note("https://h/a", "authentication failed")
    connections.note("oci://r/charts/web")
    connections.note("https://CANARY@t/x.git?CANARY")
    connections.note("https://t/x.git")
    found = connections.statuses(accesses)
    assert [(status.repo, status.connection.status, status.connection.message) for status in found] == [
        ("https://h/a.git", ConnectionStatus.FAILED, "authentication failed"),
        ("oci://r/charts", ConnectionStatus.SUCCESSFUL, ""),
        ("https://h/c", ConnectionStatus.UNKNOWN, ""),
        ("https://t/x.git", ConnectionStatus.SUCCESSFUL, ""),
    ]
    assert found[0].connection.attempted_at is not None
    assert found[2].connection.attempted_at is None
    assert [(status.credentials, status.inherited_from) for status in found] == [
        ("password", ""),
        ("password", ""),
        ("", ""),
        ("password", "https://t"),
    ]
    assert "CANARY" not in repr(found)
