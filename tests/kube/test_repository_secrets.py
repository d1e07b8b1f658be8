"""Argo CD's Secrets of repositories become accesses; what cannot be used is left out, and said without a value."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.errors import ClusterError
from gitopsd.core.origin import OriginKind
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.repository_secrets import RepositorySecretsFound, Trust, decoded
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.ports.sources import GitHubApp, RepositoryAccess
from tests.cluster_fixture import ApiServer
from tests.kube.conftest import RealClock

TRUST = Trust("h ssh-ed25519 AA\n", {"git.example.org": "PEM of git.example.org"})


def secret(name: str, kind: str = "repository", namespace: str = "argocd", /, **data: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {"argocd.argoproj.io/secret-type": kind}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def read(*secrets: Mapping[str, object]) -> RepositorySecretsFound:
    return decoded(secrets, TRUST, "production")  # type: ignore[arg-type]  # written as plain dicts


def test_a_newline_at_the_end_is_no_part_of_a_secret() -> None:
    (access,) = read(secret("a", url="https://h/a\n", username="ci\n", password=" p \r\n")).repositories
    assert (access.url, access.username, access.password) == ("https://h/a", "ci", Secret(" p "))


def test_every_key_that_argo_cd_writes_is_read() -> None:
    found = read(
        secret(
            "git",
            url="https://git.example.org/team/app.git",
            type="git",
            name="app",
            project="payments",
            username="u",
            password=" p ",
            tlsClientCertData="CERT",
            tlsClientCertKey="KEY",
            insecure="true",
            enableLfs="true",
            forceHttpBasicAuth="True",
            proxy="socks5://p:1080",
            noProxy=".example.net,10.0.0.0/8",
            depth="5",
        )
    )
    assert found.warnings == ()
    assert found.repositories == (
        RepositoryAccess(
            "https://git.example.org/team/app.git",
            name="app",
            project="payments",
            username="u",
            password=Secret(" p "),
            tls_client_cert="CERT",
            tls_client_key=Secret("KEY"),
            insecure=True,
            ca="PEM of git.example.org",
            enable_lfs=True,
            submodules=True,
            force_basic_auth=True,
            proxy=Proxy("socks5", "p", 1080),
            no_proxy=(".example.net", "10.0.0.0/8"),
            depth=5,
        ),
    )
    assert found.repositories[0].written_at == "Secret argocd/git of cluster production"


def test_ssh_has_argo_cds_known_hosts_and_no_certificates() -> None:
    (access,) = read(secret("ssh", url="git@git.example.org:a.git", sshPrivateKey="KEY")).repositories
    assert access == RepositoryAccess(
        "git@git.example.org:a.git",
        ssh_private_key=Secret("KEY"),
        ssh_known_hosts=TRUST.known_hosts,
        submodules=True,
    )
    (access,) = read(secret("ssh", url="ssh://git@h/a.git", insecure="true")).repositories
    assert (access.insecure, access.insecure_ignore_host_key) == (False, True)


def test_a_github_app_is_read() -> None:
    (access,) = read(
        secret(
            "app",
            url="https://ghe.example.org/o/r",
            githubAppID="1",
            githubAppInstallationID="2",
            githubAppPrivateKey="KEY\n",
            githubAppEnterpriseBaseUrl="https://ghe.example.org/api/v3/",
        )
    ).repositories
    assert access.github_app == GitHubApp("1", Secret("KEY\n"), "2", "https://ghe.example.org/api/v3")


def test_helm_repositories_registries_and_templates_are_told_apart() -> None:
    found = read(
        secret("a", url="https://charts.example.org", type="helm"),
        secret("b", url="registry.example.org/charts", type="helm", enableOCI="true"),
        secret("c", url="oci://registry.example.org/app", type="oci", insecureOCIForceHttp="true"),
        secret("d", "repo-creds", url="https://git.example.org/team", username="u", password="p"),
        secret("e", "repo-creds", url="git@git.example.org:", sshPrivateKey="KEY"),
    )
    assert found.warnings == ()
    assert [(access.url, access.kind) for access in found.repositories] == [
        ("https://charts.example.org", OriginKind.HELM),
        ("oci://registry.example.org/charts", OriginKind.OCI),
        ("oci://registry.example.org/app", OriginKind.OCI),
    ]
    assert [access.url for access in found.templates] == ["https://git.example.org/team", "git@git.example.org:"]
    assert found.templates[1].ssh_known_hosts == TRUST.known_hosts


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "it has no url"),
        ({"url": "file:///etc"}, "a repository of a Secret is https://"),
        ({"url": "/etc"}, "neither scheme"),
        ({"url": "../x"}, "neither scheme"),
        ({"url": "ext::sh -c x"}, "space"),
        ({"url": "--upload-pack=x"}, "does not start with '-'"),
        ({"url": "https://u:CANARY@h/a.git"}, "a password stands in its url (https://h/a.git)"),
        ({"url": "https://h/a", "type": "hg"}, "none of git, helm and oci"),
        ({"url": "ssh://h/a", "type": "helm"}, "a registry's URL is"),
        ({"url": "https://h/a", "type": "oci"}, "a registry's URL is"),
        ({"url": "https://h/a", "proxy": "socks5://h;touch /CANARY:1080"}, "a space"),
        ({"url": "https://h/a", "proxy": "http://h:1", "noProxy": ";CANARY"}, "entry 1"),
        ({"url": "https://h/a", "tlsClientCertData": "CANARY"}, "only one of tlsClientCertData and tlsClientCertKey"),
        ({"url": "https://h/a", "githubAppID": "1"}, "only one of githubAppID"),
        ({"url": "https://h/a", "githubAppID": "CANARY", "githubAppPrivateKey": "CANARY"}, "are numbers"),
        (
            {
                "url": "https://h/a",
                "githubAppID": "1",
                "githubAppPrivateKey": "CANARY",
                "githubAppEnterpriseBaseUrl": "http://169.254.169.254/",
            },
            "no https://HOST/api/v3",
        ),
    ],
)
def test_P1_G3_S15_a_secret_that_cannot_be_used_is_left_out_and_named(data: dict[str, str], why: str) -> None:
    found = read(secret("odd", **data), secret("right", url="https://h/right"))
    assert [access.url for access in found.repositories] == ["https://h/right"]
    (warning,) = found.warnings
    assert warning.startswith("Secret argocd/odd of cluster production is left out: ")
    assert why in warning
    assert "CANARY" not in warning


def test_a_template_of_one_project_serves_nobody() -> None:
    found = read(secret("t", "repo-creds", url="https://h", project="payments", password="CANARY"))
    assert found.templates == ()
    assert "credential template of one project" in found.warnings[0]


def test_values_of_a_wrong_kind_are_said_and_count_as_nothing() -> None:
    odd = secret("odd", url="https://h/a", insecure="CANARY", depth="CANARY", gcpServiceAccountKey="CANARY")
    odd["data"]["password"] = "no base64!"  # type: ignore[index]  # written as plain dicts
    found = read(odd)
    assert found.repositories == (RepositoryAccess("https://h/a", submodules=True),)
    assert len(found.warnings) == 3
    assert "CANARY" not in "".join(found.warnings)


_KEYS = st.sampled_from(
    [
        "url",
        "type",
        "name",
        "project",
        "username",
        "password",
        "bearerToken",
        "sshPrivateKey",
        "tlsClientCertData",
        "tlsClientCertKey",
        "insecure",
        "depth",
        "proxy",
        "noProxy",
        "githubAppID",
        "githubAppPrivateKey",
        "githubAppInstallationID",
        "githubAppEnterpriseBaseUrl",
        "enableOCI",
    ]
)
_VALUES = st.text(max_size=30) | st.sampled_from(
    [
        "https://h/a",
        "git@h:a",
        "git@h:",
        "oci://h",
        "h/a",
        "ssh://h",
        "helm",
        "oci",
        "true",
        "1",
        "http://p:1",
        "10.0.0.0/8",
    ]
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=8), st.sampled_from(["repository", "repo-creds"]))
def test_whatever_a_secret_holds_it_is_an_access_or_a_warning(data: dict[str, str], kind: str) -> None:
    encoded = {key: base64.b64encode(value.encode("utf-8", "replace")).decode() for key, value in data.items()}
    found = read({**secret("odd", kind), "data": encoded})
    accesses = (*found.repositories, *found.templates)
    assert len(accesses) == 1 or found.warnings
    for access in accesses:
        assert access.url.startswith(("https://", "http://", "ssh://", "oci://")) or "@" in access.url


@pytest.mark.parametrize("odd", [{}, {"data": None}, {"data": []}, {"data": {"url": 7}}, {"metadata": None}])
def test_an_object_that_is_no_secret_is_left_out(odd: dict[str, object]) -> None:
    assert read({**secret("odd"), **odd}).repositories == ()


async def test_secrets_are_read_from_a_cluster_by_their_label(
    api_server: ApiServer, namespace: str, cluster: KubeCluster
) -> None:
    for body in (
        secret("git", "repository", namespace, url="https://git.example.org/a.git", username="u", password="p"),
        secret("creds", "repo-creds", namespace, url="https://git.example.org/team", username="u", password="p"),
        secret("cluster", "cluster", namespace, url="https://git.example.org/never.git"),
    ):
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/secrets", body)
    found = await cluster.repository_secrets(namespace)
    assert [access.url for access in found.repositories] == ["https://git.example.org/a.git"]
    assert [access.url for access in found.templates] == ["https://git.example.org/team"]
    assert found.repositories[0].ca == ""

    maps = {
        "argocd-ssh-known-hosts-cm": {"ssh_known_hosts": "h k\n"},
        "argocd-tls-certs-cm": {"git.example.org": "PEM"},
    }
    for name, data in maps.items():
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    assert (await cluster.repository_secrets(namespace)).repositories[0].ca == "PEM"


async def test_secrets_that_may_not_be_read_are_an_error_that_says_so(
    api_server: ApiServer, namespace: str, clock: RealClock
) -> None:
    access = ClusterAccess("local", kubeconfig=str(api_server.user("nobody")))
    async with KubeCluster(access, clock=clock) as cluster:
        with pytest.raises(ClusterError) as caught:
            await cluster.repository_secrets(namespace)
    assert "Secret" in str(caught.value)


async def test_known_hosts_and_certificates_that_may_not_be_read_are_a_warning_and_the_secrets_serve(
    api_server: ApiServer, namespace: str, clock: RealClock
) -> None:
    user = f"secrets-alone-{namespace}"
    body = secret("git", "repository", namespace, url="https://git.example.org/a.git", username="u", password="p")
    api_server.do("POST", f"/api/v1/namespaces/{namespace}/secrets", body)
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    api_server.do("POST", f"{path}/roles", {"metadata": {"name": "secrets"}, "rules": rules})
    binding = {
        "metadata": {"name": "secrets"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "secrets"},
        "subjects": [{"kind": "User", "name": user}],
    }
    api_server.do("POST", f"{path}/rolebindings", binding)
    async with KubeCluster(ClusterAccess("local", kubeconfig=str(api_server.user(user))), clock=clock) as cluster:
        found = await cluster.repository_secrets(namespace)
    assert [access.url for access in found.repositories] == ["https://git.example.org/a.git"]
    assert [warning.split(" may not be read")[0] for warning in found.warnings] == [
        f"ConfigMap {namespace}/{name} of cluster local"
        for name in ("argocd-ssh-known-hosts-cm", "argocd-tls-certs-cm")
    ]
