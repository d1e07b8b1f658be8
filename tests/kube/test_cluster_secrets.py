"""Argo CD's Secrets of clusters: what each becomes, and what such a Secret cannot do."""

import base64
import json

import pytest

from gitopsd.core.errors import ClusterError
from gitopsd.core.proxy import Proxy
from gitopsd.core.secret import Secret
from gitopsd.kube.cluster import KubeCluster
from gitopsd.kube.cluster_secrets import ClusterSecretsFound, decoded
from gitopsd.kube.labelled_secrets import TYPE_LABEL
from gitopsd.ports.cluster import ClusterAccess, CredentialPlugin
from tests.cluster_fixture import ApiServer
from tests.kube.conftest import Opening

CANARY = "CANARY-31ab"
PEM = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"
SERVER = "https://10.0.0.7:6443"
EXEC = {
    "command": "aws-iam-authenticator",
    "args": ["token"],
    "env": {"K": CANARY},
    "apiVersion": "client.authentication.k8s.io/v1beta1",
}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(config: object = None, labels: dict[str, str] | None = None, /, **data: str) -> dict[str, object]:
    """A Secret of a cluster; `config` as JSON, or as it is if it is a text."""
    written = {"name": "far", "server": SERVER, **data}
    if config is not None:
        written["config"] = config if isinstance(config, str) else json.dumps(config)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "far", "namespace": "argocd", "labels": {TYPE_LABEL: "cluster", **(labels or {})}},
        "data": {key: b64(value) for key, value in written.items()},
    }


def read(*secrets: dict[str, object], allow_exec: bool = False) -> ClusterSecretsFound:
    found = decoded(secrets, "hub", allow_exec=allow_exec)  # type: ignore[arg-type]  # JSON, as builders here make it
    assert CANARY not in repr(found)
    return found


def one(config: object = None, /, *, allow_exec: bool = False, **data: str) -> ClusterAccess:
    (access,) = read(secret(config, None, **data), allow_exec=allow_exec).clusters
    return access


def test_every_field_becomes_part_of_the_access() -> None:
    tls = {"caData": b64(PEM), "certData": b64(PEM), "keyData": b64(PEM), "serverName": "api"}
    config = {"bearerToken": CANARY, "tlsClientConfig": tls, "proxyUrl": "http://p:3128", "disableCompression": True}
    data = {"namespaces": "a, b", "clusterResources": "true", "project": "team", "shard": "1"}
    (access,) = read(secret(config, {"environment": "x"}, **data)).clusters
    assert access == ClusterAccess(
        "far",
        server=SERVER,
        token=Secret(CANARY),
        ca=PEM,
        client_certificate=PEM,
        client_key=Secret(PEM),
        tls_server_name="api",
        proxy=Proxy("http", "p", 3128),
        namespaces=("a", "b"),
        cluster_resources=True,
        labels={"environment": "x"},
        project="team",
        disable_compression=True,
    )
    assert access.written_at == "Secret argocd/far of cluster hub"


def test_a_secret_without_a_config_is_a_server_alone() -> None:
    assert one() == ClusterAccess("far", server=SERVER)


def test_a_secret_without_a_name_is_called_by_its_server() -> None:
    assert one(name="").name == SERVER


def test_a_namespace_that_is_named_twice_is_looked_at_once() -> None:
    assert one(namespaces="b,a,b").namespaces == ("b", "a")


def test_namespaces_leave_out_what_has_none_unless_it_is_asked_for() -> None:
    assert (one(namespaces="a").cluster_resources, one().cluster_resources) == (False, True)


def test_user_name_and_password_are_kept_as_one_credential() -> None:
    access = one({"username": "u", "password": CANARY})
    assert (access.username, access.password) == ("u", Secret(CANARY))


def test_a_server_that_is_not_checked_is_told() -> None:
    found = read(secret({"tlsClientConfig": {"insecure": True, "caData": b64(PEM)}}))
    assert (found.clusters[0].insecure, found.clusters[0].ca) == (True, "")
    assert found.warnings == ("Secret argocd/far of cluster hub: tlsClientConfig.insecure: whoever answers is trusted",)


@pytest.mark.parametrize("config", [{"execProviderConfig": EXEC}, {"awsAuthConfig": {"clusterName": "c"}}])
def test_E8_a_secret_names_no_program_unless_the_configuration_allows_it(config: object) -> None:
    found = read(secret(config))
    assert found.clusters == ()
    assert "set allowExec: true in the entry of clustersFrom" in found.warnings[0]
    assert one(config, allow_exec=True).plugin is not None


def test_plugins_of_secrets_that_are_trusted() -> None:
    program = CredentialPlugin(
        "aws-iam-authenticator", ("token",), (("K", Secret(CANARY)),), "client.authentication.k8s.io/v1beta1"
    )
    assert one({"execProviderConfig": EXEC}, allow_exec=True).plugin == program
    aws = {"clusterName": "c", "roleARN": "r", "profile": "p"}
    assert one({"awsAuthConfig": aws}, allow_exec=True).plugin == CredentialPlugin.eks("c", "r", "p")


@pytest.mark.parametrize(
    "config",
    [
        {"tokenFile": f"/etc/{CANARY}"},
        {"bearerTokenFile": f"/etc/{CANARY}"},
        {"tlsClientConfig": {"caFile": f"/etc/{CANARY}"}},
        {"tlsClientConfig": {"certFile": f"/etc/{CANARY}", "keyFile": f"/etc/{CANARY}"}},
    ],
)
def test_E8_a_secret_names_no_file_of_this_machine(config: object) -> None:
    for allowed in (False, True):
        (warning,) = read(secret(config), allow_exec=allowed).warnings
        assert "a Secret names no file of this machine" in warning


@pytest.mark.parametrize(
    ("config", "data", "why"),
    [
        ("{", {}, "its config is no JSON"),
        (f'"{CANARY}"', {}, "its config is no JSON object"),
        (None, {"server": f"https://u:{CANARY}@h"}, "its server is not https://host:port"),
        (None, {"server": f"https://h/?token={CANARY}"}, "its server is not https://host:port"),
        (None, {"server": "h:6443"}, "its server is not https://host:port"),
        (None, {"server": ""}, "its server is not https://host:port"),
        (None, {"server": "https://h:99999"}, "its server is not https://host:port"),
        (None, {"server": "https://kubernetes.default.svc"}, "it is the cluster that Argo CD runs in"),
        (None, {"name": "in-cluster"}, "in-cluster is the name of the cluster that Argo CD runs in"),
        (None, {"name": f"a\x1b[2J{CANARY}"}, "printable characters"),
        (None, {"namespaces": f"a,../{CANARY}"}, "its namespaces are no list of names"),
        ({"tlsClientConfig": {"caData": f"{CANARY}!"}}, {}, "its tlsClientConfig.caData is no base64"),
        ({"tlsClientConfig": {"caData": b64(CANARY)}}, {}, "its tlsClientConfig.caData is no PEM"),
        ({"tlsClientConfig": {"certData": b64(PEM)}}, {}, "only one of certData and keyData"),
        ({"bearerToken": f"{CANARY}\r\nX-Header: 1"}, {}, "its bearerToken holds a control character"),
        ({"proxyUrl": f"http://u:{CANARY}@h h"}, {}, "its proxyUrl cannot be used"),
        ({"proxyUrl": f"socks5://u:{CANARY}@h:1"}, {}, "its proxyUrl cannot be used"),
        (
            {"execProviderConfig": {**EXEC, "apiVersion": "client.authentication.k8s.io/v1alpha1"}},
            {},
            "and the apiVersion",
        ),
        ({"execProviderConfig": {**EXEC, "command": "./x"}}, {}, "neither a name nor an absolute path"),
        ({"awsAuthConfig": {"roleARN": CANARY}}, {}, "its awsAuthConfig has no clusterName"),
    ],
)
def test_S6_what_cannot_be_used_is_left_out_and_no_value_is_said(
    config: object, data: dict[str, str], why: str
) -> None:
    found = read(secret(config, None, **data), allow_exec=True)
    assert found.clusters == ()
    assert "Secret argocd/far of cluster hub is left out" in found.warnings[0]
    assert why in found.warnings[0]


def test_a_secret_whose_data_is_no_text_is_left_out() -> None:
    broken = {**secret(), "data": {"name": b64("x"), "server": "%%%", "config": 7}}
    assert read(broken, secret(name="good")).clusters == (ClusterAccess("good", server=SERVER),)


async def test_only_secrets_with_argo_cds_label_are_read(
    cluster: KubeCluster, api_server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    api_server.do("POST", path, {"metadata": {"name": "plain"}, "data": {"server": b64(SERVER)}})
    written = secret({"bearerToken": CANARY})
    api_server.do("POST", path, {**written, "metadata": {"name": "far", "labels": {TYPE_LABEL: "cluster"}}})
    found = await cluster.cluster_secrets(namespace, allow_exec=False)
    assert [(access.name, access.token) for access in found.clusters] == [("far", Secret(CANARY))]


async def test_secrets_that_may_not_be_listed_are_an_error(
    open_cluster: Opening, api_server: ApiServer, namespace: str
) -> None:
    async with open_cluster(api_server.user("nobody-lists-clusters")) as cluster:
        with pytest.raises(ClusterError) as refused:
            await cluster.cluster_secrets(namespace, allow_exec=False)
    assert refused.value.status == 403
