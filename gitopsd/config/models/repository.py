"""One entry of `repositories`."""

from __future__ import annotations

from pydantic import Field

from gitopsd.config.models.strict import Expanded, Pem, PemSecret, SecretOrFile, StrictModel, TextOrFile


class Repository(StrictModel):
    """How to reach one git repository. Repositories that need no credentials need no entry."""

    url: Expanded = Field(
        description="https://…, ssh://…, git@host:path, or a local path; used wherever repoURL is the same.",
    )
    username: Expanded | None = Field(None, description="User name for https.")
    password: SecretOrFile | None = Field(None, description="Password or access token for https, or {file: PATH}.")
    bearer_token: SecretOrFile | None = Field(
        None, description="Bearer token for https instead of user name and password, or {file: PATH}."
    )
    ssh_private_key: PemSecret | None = Field(
        None, description="Private key for ssh (OpenSSH or PEM), or {file: PATH}."
    )
    ssh_known_hosts: TextOrFile | None = Field(
        None, description="Lines of known_hosts that the host's key is checked against, or {file: PATH}."
    )
    ca: Pem | None = Field(
        None,
        description="Certificates (PEM) that the server's is checked against, or {file: PATH}. Default: the system's.",
    )
    insecure: bool = Field(False, description="Do not check the server's certificate. Shown as a warning.")
    insecure_ignore_host_key: bool = Field(False, description="Do not check the host's ssh key. Shown as a warning.")
