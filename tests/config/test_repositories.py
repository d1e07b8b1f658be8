"""Entries of `repositories`, `repositoryCredentials` and `repositoriesFrom`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.config import Config, ConfigErrors, RepositorySecrets
from gitopsd.core.origin import OriginKind
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.ports.sources import GitHubApp, RepositoryAccess
from tests.config.writing import LOCAL, loaded

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----"
APP = "githubAppID: 12, githubAppPrivateKey: {file: app.pem}"


def entry(folder: Path, text: str, environ: dict[str, str] | None = None, /, **files: str) -> RepositoryAccess:
    (access,) = loaded(folder, f"{LOCAL}repositories:\n  - {{{text}}}\n", environ, **files).repositories
    return access


def template(folder: Path, text: str) -> Config:
    return loaded(folder, f"{LOCAL}repositoryCredentials:\n  - {{{text}}}\n", **{"app.pem": KEY})


def refused(folder: Path, main: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigErrors) as caught:
        loaded(folder, LOCAL + main, environ, **{"app.pem": KEY, "crt": CERTIFICATE, "key": KEY})
    return str(caught.value)


def test_every_field_of_a_git_repository_becomes_part_of_its_access(tmp_path: Path) -> None:
    access = entry(
        tmp_path,
        "url: https://h/a.git, type: git, name: a, project: p, username: u, password: s, forceHttpBasicAuth: true, "
        "tlsClientCertData: {file: crt}, tlsClientCertKey: {file: key}, depth: 3, enableLfs: true, submodules: true, "
        "proxy: 'socks5://u:pw@p:1080', noProxy: 'x.example, 10.0.0.0/8'",
        crt=CERTIFICATE,
        key=KEY,
    )
    assert access == RepositoryAccess(
        "https://h/a.git",
        name="a",
        project="p",
        username="u",
        password=Secret("s"),
        force_basic_auth=True,
        tls_client_cert=CERTIFICATE,
        tls_client_key=Secret(KEY + "\n"),
        depth=3,
        enable_lfs=True,
        submodules=True,
        proxy=Proxy("socks5", "p", 1080, "u", Secret("pw")),
        no_proxy=("x.example", "10.0.0.0/8"),
    )
    assert access.written_at == f"{tmp_path}/gitopsd.yaml:3:5"


@pytest.mark.parametrize(
    ("text", "app"),
    [
        (APP, GitHubApp("12", Secret(KEY + "\n"))),
        (
            APP + ", githubAppInstallationID: '34', githubAppEnterpriseBaseUrl: https://ghe.example.org/api/v3/",
            GitHubApp("12", Secret(KEY + "\n"), "34", "https://ghe.example.org/api/v3"),
        ),
    ],
)
def test_a_github_app_is_read_with_its_numbers_as_text_or_not(tmp_path: Path, text: str, app: GitHubApp) -> None:
    assert entry(tmp_path, f"url: https://github.com/o/r, {text}", **{"app.pem": KEY}).github_app == app


@pytest.mark.parametrize(
    ("text", "url", "kind"),
    [
        ("url: https://h/charts, type: helm", "https://h/charts", OriginKind.HELM),
        ("url: 'h/charts', type: helm", "oci://h/charts", OriginKind.OCI),
        ("url: 'h:5000/charts/', type: helm, enableOCI: true", "oci://h:5000/charts", OriginKind.OCI),
        ("url: 'oci://h/charts', type: helm, enableOCI: true", "oci://h/charts", OriginKind.OCI),
        ("url: 'h/team/app', type: oci, insecureOCIForceHttp: true", "oci://h/team/app", OriginKind.OCI),
        ("url: 'h:5000', type: oci", "oci://h:5000", OriginKind.OCI),
    ],
)
def test_helm_repositories_and_registries_are_told_apart(tmp_path: Path, text: str, url: str, kind: OriginKind) -> None:
    access = entry(tmp_path, f"{text}, username: u, password: s")
    assert (access.url, access.kind) == (url, kind)


@pytest.mark.parametrize(
    "url", ["https://h", "https://h/team/", "git@h:team", "ssh://git@h", "git@h:", "oci://h/charts"]
)
def test_a_template_has_the_beginning_of_a_url(tmp_path: Path, url: str) -> None:
    kind = "type: oci, " if url.startswith("oci:") else ""
    (access,) = template(tmp_path, f"url: '{url}', {kind}proxy: 'http://p:1'").repository_credentials
    assert access.url == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("url: ../x", "repositoryCredentials[0].url cannot be used"),
        ("url: 'file:///x'", "repositoryCredentials[0].url cannot be used"),
        ("url: 'https://u:hunter2@h/x'", "a password must not stand in a URL"),
        ("url: https://h, project: p", "unknown key repositoryCredentials[0].project"),
        ("url: https://h, sshPrivateKey: {file: key}", "repositoryCredentials[0].sshPrivateKey has no meaning here"),
        ("username: u", "repositoryCredentials[0].url is missing"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(tmp_path: Path, text: str, why: str) -> None:
    message = refused(tmp_path, f"repositoryCredentials:\n  - {{{text}}}\n")
    assert why in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "tlsClientCertData: {file: crt}",
            "tlsClientCertData does not stand alone: expected tlsClientCertKey beside it",
        ),
        ("tlsClientCertKey: {file: key}", "tlsClientCertKey does not stand alone"),
        ("githubAppID: 1", "githubAppID does not stand alone: expected githubAppPrivateKey"),
        ("githubAppInstallationID: 1", "githubAppInstallationID does not stand alone"),
        (f"{APP}, password: x, username: y", "githubAppID stands beside a password or token"),
        ("githubAppID: x, githubAppPrivateKey: {file: app.pem}", "expected the number that GitHub shows"),
        ("githubAppID: -1, githubAppPrivateKey: {file: app.pem}", "expected the number that GitHub shows"),
        (f"{APP}, githubAppEnterpriseBaseUrl: 'ssh://h/api'", "expected https://HOST/api/v3"),
        (f"{APP}, githubAppEnterpriseBaseUrl: 'https://h/?x'", "githubAppEnterpriseBaseUrl cannot be used"),
        ("proxy: 'socks5://h;touch /x:1080'", "repositories[0].proxy cannot be used"),
        ("proxy: 'socks5://-oh:1080'", "repositories[0].proxy cannot be used"),
        ("proxy: 'http://h:1', noProxy: ';'", "repositories[0].noProxy cannot be used"),
        ("noProxy: h", "noProxy does not stand alone"),
        ("forceHttpBasicAuth: true", "forceHttpBasicAuth does not stand alone"),
        ("depth: -1", "expected 0 or more"),
        ("enableOCI: true", "enableOCI has no meaning here"),
        ("insecureOCIForceHttp: true", "insecureOCIForceHttp has no meaning here"),
        ("passCredentials: true", "passCredentials has no meaning here"),
        ("type: helm, depth: 1", "depth has no meaning here: the repository's type is helm"),
        ("type: oci", "a registry's URL is HOST/PATH or oci://HOST/PATH"),
        ("type: hg", "expected one of git, helm, oci"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refused(tmp_path, f"repositories:\n  - {{url: https://h/a.git, {text}}}\n")


@pytest.mark.parametrize("text", ["proxy: 'http://u:hunter2@h:1/x'", "proxy: 'x://u:hunter2@h'"])
def test_S8_no_message_holds_a_proxys_password(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in refused(tmp_path, f"repositories:\n  - {{url: https://h/a.git, {text}}}\n")


def test_what_is_insecure_is_warned_of(tmp_path: Path) -> None:
    text = "url: 'h/a', type: oci, insecureOCIForceHttp: true"
    warnings = loaded(tmp_path, f"{LOCAL}repositories:\n  - {{{text}}}\n").warnings
    assert any("insecureOCIForceHttp" in warning for warning in warnings)


def test_a_secret_may_be_a_credential_of_systemd(tmp_path: Path) -> None:
    folder = tmp_path / "a $folder"
    folder.mkdir()
    (folder / "git-password").write_text("s3cret\n")
    access = entry(
        tmp_path,
        "url: https://h/a.git, username: u, password: {credential: git-password}",
        {"CREDENTIALS_DIRECTORY": str(folder)},
    )
    assert access.password == Secret("s3cret")


@pytest.mark.parametrize(
    ("name", "folder", "why"),
    [
        ("../outside", "/c", "expected the name of a systemd credential"),
        ("a/b", "/c", "expected the name of a systemd credential"),
        ("..", "/c", "expected the name of a systemd credential"),
        ("", "/c", "expected the name of a systemd credential"),
        (
            "name",
            "",
            "there is no credential name: systemd passed none. Try: outside of the service run the command as",
        ),
        ("name", "", "; the unit needs LoadCredential=name:PATH, or the folder with it"),
        ("name", "relative", "systemd passed none"),
        ("name", "/nowhere-at-all", "cannot be read"),
    ],
)
def test_P1_a_credential_is_a_name_and_no_path(tmp_path: Path, name: str, folder: str, why: str) -> None:
    main = f"repositories:\n  - {{url: https://h/a.git, password: {{credential: '{name}'}}}}\n"
    assert why in refused(tmp_path, main, {"CREDENTIALS_DIRECTORY": folder} if folder else {})


def test_whoever_checks_outside_of_the_service_is_told_how_to_be_as_the_service_is(tmp_path: Path) -> None:
    main = "repositories: [{url: https://h/a.git, password: {file: '${CREDENTIALS_DIRECTORY}/secret_git'}}]\n"
    why = refused(tmp_path, main, {})
    assert "CREDENTIALS_DIRECTORY is not set. Try: outside of the service run the command as the unit does" in why


def test_secrets_of_a_cluster_are_named_by_cluster_and_namespace(tmp_path: Path) -> None:
    config = loaded(
        tmp_path, f"{LOCAL}repositoriesFrom:\n  - {{cluster: local}}\n  - {{cluster: local, namespace: cd}}\n"
    )
    assert config.repositories_from == (RepositorySecrets("local", "argocd"), RepositorySecrets("local", "cd"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "cluster: loca",
            "repositoriesFrom[0].cluster names no cluster of this file: expected one of local. Try: local",
        ),
        ("cluster: local, namespace: ../x", "repositoriesFrom[0].namespace is no namespace's name"),
    ],
)
def test_a_cluster_that_is_not_there_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert why in refused(tmp_path, f"repositoriesFrom:\n  - {{{text}}}\n")


@pytest.mark.parametrize("hosts", ["hello world", "@revoked h ssh-ed25519 AAAA", "h ssh-ed25519 not-base64!"])
def test_known_hosts_that_are_none_are_refused_with_their_line(tmp_path: Path, hosts: str) -> None:
    main = f"repositories:\n  - url: git@h:a\n    sshKnownHosts: |\n      # hosts\n      {hosts}\n"
    said = refused(tmp_path, main)
    assert "repositories[0].sshKnownHosts cannot be used" in said
    assert "line 2" in said
    assert "AAAA" not in said


def test_a_ca_that_holds_no_certificates_is_refused(tmp_path: Path) -> None:
    for name in ("crt", "key"):
        said = refused(tmp_path, f"repositories: [{{url: https://h/a, ca: {{file: {name}}}}}]\n")
        assert "repositories[0].ca cannot be used: it holds no certificates" in said


def test_a_variable_s_newline_at_the_end_is_no_part_of_a_password_or_token(tmp_path: Path) -> None:
    environ = {"U": "ci\n", "T": "token\r\n"}
    access = entry(tmp_path, "url: https://h/a, username: '${U}', password: '${T}'", environ)
    assert (access.username, access.password) == ("ci", Secret("token"))
    assert entry(tmp_path, "url: https://h/a, bearerToken: '${T}'", environ).bearer_token == Secret("token")
