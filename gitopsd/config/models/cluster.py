"""One entry of `clusters`."""

from __future__ import annotations

from pydantic import Field

from gitopsd.config.models.strict import Expanded, ExpandedPath, Pem, PemSecret, SecretOrFile, StrictModel


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
        None, description="URL of the API server, with `token`, `tokenFile`, or `clientCertificate` and `clientKey`."
    )
    token: SecretOrFile | None = Field(
        None, description="Bearer token, or {file: PATH}; read when the configuration is loaded."
    )
    token_file: ExpandedPath | None = Field(
        None, description="Path of a bearer token that is read again whenever it changes."
    )
    client_certificate: Pem | None = Field(None, description="Client certificate (PEM), or {file: PATH}.")
    client_key: PemSecret | None = Field(None, description="The client certificate's key (PEM), or {file: PATH}.")
    ca: Pem | None = Field(
        None,
        description="Certificates (PEM) that the server's is checked against, or {file: PATH}. Default: the system's.",
    )
    insecure: bool = Field(False, description="Do not check the server's certificate. Shown as a warning.")
    tls_server_name: Expanded | None = Field(
        None, description="The name to expect in the server's certificate, if it is not the URL's host."
    )
