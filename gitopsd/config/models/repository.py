"""One entry of `repositories`, of `repositoryCredentials`, and of `repositoriesFrom`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from gitopsd.config.models.strict import Expanded, Pem, PemSecret, SecretOrFile, StrictModel, TextOrFile, refused


def _app_id(value: object) -> str:
    """GitHub's numbers, which Argo CD's Secrets hold as text."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20 and int(value) > 0:
        return value
    raise refused("expected the number that GitHub shows")


GitHubNumber = Annotated[
    str, PlainValidator(_app_id), WithJsonSchema({"type": ["integer", "string"], "examples": [123456]})
]


class RepositoryReach(StrictModel):
    """What says who we are and how the server is reached."""

    type: Literal["git", "helm", "oci"] = Field(
        "git", description="git, helm (a Helm repository; with enableOCI a registry of charts) or oci (a registry)."
    )
    username: Expanded | None = Field(None, description="User name for https and registries.")
    password: SecretOrFile | None = Field(
        None, description="Password or access token for https and registries, or {file: PATH}."
    )
    bearer_token: SecretOrFile | None = Field(
        None, description="Bearer token for https instead of user name and password, or {file: PATH}."
    )
    force_http_basic_auth: bool = Field(
        False,
        description="Send user name and password before the server asks: some ask for NTLM or Kerberos first.",
    )
    ssh_private_key: PemSecret | None = Field(
        None, description="Private key for ssh (OpenSSH or PEM), or {file: PATH}."
    )
    ssh_known_hosts: TextOrFile | None = Field(
        None, description="Lines of known_hosts that the host's key is checked against, or {file: PATH}."
    )
    tls_client_cert_data: Pem | None = Field(
        None, description="Certificate (PEM) that is shown to the server, or {file: PATH}. Needs tlsClientCertKey."
    )
    tls_client_cert_key: PemSecret | None = Field(
        None, description="Private key (PEM, without passphrase) of tlsClientCertData, or {file: PATH}."
    )
    github_app_id: GitHubNumber | None = Field(
        None, alias="githubAppID", description="The ID of a GitHub App, instead of user name and password."
    )
    github_app_installation_id: GitHubNumber | None = Field(
        None,
        alias="githubAppInstallationID",
        description="The ID of the app's installation. Default: found by the repository's owner.",
    )
    github_app_private_key: PemSecret | None = Field(
        None, alias="githubAppPrivateKey", description="The app's private key (PEM), or {file: PATH}."
    )
    github_app_enterprise_base_url: Expanded | None = Field(
        None,
        alias="githubAppEnterpriseBaseUrl",
        description="The API of a GitHub Enterprise server: https://HOST/api/v3. Default: https://api.github.com",
    )
    ca: Pem | None = Field(
        None,
        description="Certificates (PEM) that the server's is checked against, or {file: PATH}. Default: the system's.",
    )
    insecure: bool = Field(False, description="Do not check the server's certificate. Shown as a warning.")
    insecure_ignore_host_key: bool = Field(False, description="Do not check the host's ssh key. Shown as a warning.")
    proxy: SecretOrFile | None = Field(
        None,
        description="Proxy on the way to the server: http://, https:// or socks5://[USER:PASSWORD@]HOST:PORT, or "
        "{file: PATH}. Proxies of the daemon's environment are not used.",
    )
    no_proxy: Expanded | None = Field(
        None,
        description="Hosts that are reached without the proxy, separated by commas: domains (.domain for what is below "
        "it alone), addresses, networks, * for all.",
    )
    enable_oci: bool = Field(
        False, alias="enableOCI", description="With type helm: the URL is a registry's, written without a scheme."
    )
    insecure_oci_force_http: bool = Field(
        False, alias="insecureOCIForceHttp", description="Speak plain http to the registry. Shown as a warning."
    )
    pass_credentials: bool = Field(
        False, description="Send the credentials also to other hosts that a Helm repository's index refers to."
    )


class Verify(StrictModel):
    """Whose signatures a repository's commits need."""

    mode: Literal["none", "head", "strict"] = Field(
        "head",
        description="head: the commit that is deployed, or its annotated tag; strict: all commits before it too, back "
        "to a signed one with the trailer `Argocd-gpg-seal: REASON`; none: do not look.",
    )
    keys: list[TextOrFile] = Field(
        default_factory=list,
        description="Public keys, each as text or {file: PATH}: OpenPGP in armour, or lines of ssh-ed25519, "
        "ecdsa-sha2-… and ssh-rsa.",
    )


class Repository(RepositoryReach):
    """How to reach one repository. Repositories that need no credentials need no entry."""

    url: Expanded = Field(
        description="https://…, ssh://…, git@host:path, or a local path; used wherever repoURL is the same. A registry "
        "is HOST/PATH or oci://HOST/PATH, and its entry serves everything below.",
    )
    name: Expanded | None = Field(None, description="A name to show.")
    project: Expanded | None = Field(
        None, description="Only applications of this project may use the repository. Default: all may."
    )
    depth: int = Field(0, ge=0, description="How many commits of the history to fetch. Default: all.")
    enable_lfs: bool = Field(False, description="Fetch the files that git LFS keeps beside the repository.")
    submodules: bool = Field(False, description="Fetch the repository's submodules as well.")
    verify: Verify | None = Field(None, description="Refuse commits without a signature of one of these keys.")


class CredentialTemplate(RepositoryReach):
    """Credentials of all repositories below a URL, for those that have none of their own. The longest URL wins."""

    url: Expanded = Field(
        description="The beginning of repositories' URLs, by whole segments: https://host/team covers "
        "https://host/team/app.git and not https://host/teamster/app.git.",
    )


class RepositoriesFrom(StrictModel):
    """A namespace with Argo CD's own Secrets of repositories and credential templates, read again at each refresh."""

    cluster: str = Field(description="The cluster's name, as it stands under clusters.")
    namespace: str = Field("argocd", description="The namespace that Argo CD runs in.")
