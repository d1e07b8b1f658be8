"""One entry of `clusters`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gitopsd.config.models.strict import (
    Expanded,
    ExpandedPath,
    Pem,
    PemSecret,
    SecretOrFile,
    StrictModel,
    StringMap,
    TextOrFile,
)


class ExecPlugin(StrictModel):
    """A program that prints credentials: a credential plugin of Kubernetes, as in a kubeconfig."""

    command: Expanded = Field(description="Its name, looked for in PATH, or its absolute path.")
    args: list[Expanded] = Field(default_factory=list, description="Its arguments.")
    env: dict[str, TextOrFile] = Field(
        default_factory=dict, description="What is added to its environment: name and value, or {file: PATH}."
    )
    api_version: Literal["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] = Field(
        "client.authentication.k8s.io/v1", description="The version of its protocol."
    )
    install_hint: str = Field("", description="Shown where the program is missing.")


class AwsAuthConfig(StrictModel):
    """Amazon EKS: the token comes from `aws eks get-token`."""

    cluster_name: Expanded = Field(description="The name of the EKS cluster.")
    role_arn: Expanded | None = Field(None, alias="roleARN", description="The role to assume.")
    profile: Expanded | None = Field(None, description="The profile of the AWS configuration.")


class Cluster(StrictModel):
    """How to reach one Kubernetes cluster: by kubeconfig or context, from inside of it, or by server and
    credentials."""

    name: Expanded = Field(description="The name that applications use in destination.name.")
    kubeconfig: ExpandedPath | None = Field(
        None,
        description="Path of a kubeconfig file. Default if only `context` is set: $KUBECONFIG, else ~/.kube/config",
    )
    context: Expanded | None = Field(None, description="The kubeconfig's context. Default: its current one.")
    in_cluster: bool = Field(
        False, description="Use the service account of the pod that gitopsd runs in (https://kubernetes.default.svc)."
    )
    server: Expanded | None = Field(
        None,
        description="URL of the API server, with one of `token`, `tokenFile`, `username` and `password`, "
        "`clientCertificate` and `clientKey`, `exec`, and `awsAuthConfig`.",
    )
    token: SecretOrFile | None = Field(
        None, description="Bearer token, or {file: PATH}; read when the configuration is loaded."
    )
    token_file: ExpandedPath | None = Field(
        None, description="Path of a bearer token that is read again whenever it changes."
    )
    username: Expanded | None = Field(
        None, description="User name for a proxy before the API server that wants one; Kubernetes itself does not."
    )
    password: SecretOrFile | None = Field(None, description="The user's password, or {file: PATH}.")
    exec: ExecPlugin | None = Field(None, description="A program that prints credentials.")
    aws_auth_config: AwsAuthConfig | None = Field(None, description="Amazon EKS: the token comes from the AWS CLI.")
    client_certificate: Pem | None = Field(None, description="Client certificate (PEM), or {file: PATH}.")
    client_key: PemSecret | None = Field(None, description="The client certificate's key (PEM), or {file: PATH}.")
    ca: Pem | None = Field(
        None,
        description="Certificates (PEM) that the server's is checked against, or {file: PATH}. Default: the system's.",
    )
    insecure: bool = Field(
        False,
        description="Do not check the server's certificate. Beside a kubeconfig it permits that file's "
        "`insecure-skip-tls-verify`, and does nothing by itself. Shown as a warning.",
    )
    tls_server_name: Expanded | None = Field(
        None, description="The name to expect in the server's certificate, if it is not the URL's host."
    )
    proxy_url: SecretOrFile | None = Field(
        None,
        alias="proxyURL",
        description="http://… or https://… proxy on the way to the API server. Default: a kubeconfig's proxy-url.",
    )
    namespaces: list[Expanded] = Field(
        default_factory=list, description="Only these namespaces are looked at. Default: all."
    )
    cluster_resources: bool | None = Field(
        None,
        description="Whether objects without a namespace are looked at, too. Default: only if `namespaces` is empty.",
    )
    labels: StringMap = Field(default_factory=dict, description="Labels to select clusters by.")
    project: Expanded | None = Field(None, description="The project that the cluster belongs to; shown.")
    disable_compression: bool = Field(False, description="Ask the API server for answers that are not compressed.")
    qps: float = Field(
        0.0, ge=0, strict=False, description="Requests begun per second, on average. Default 0: no limit of ours."
    )
    burst: int = Field(0, ge=0, description="Requests that may be begun at once before qps counts. Default: 2 x qps.")
    in_flight: int = Field(32, ge=1, le=1000, description="Requests on their way at once; watches are not counted.")


class ClustersFrom(StrictModel):
    """A namespace with Argo CD's own Secrets of clusters, read again at each refresh."""

    cluster: str = Field(description="The cluster's name, as it stands under clusters.")
    namespace: str = Field("argocd", description="The namespace that Argo CD runs in.")
    allow_exec: bool = Field(
        False,
        description="The Secrets may name programs (execProviderConfig, awsAuthConfig), which run on this machine: "
        "whoever may write them may then run anything here.",
    )
