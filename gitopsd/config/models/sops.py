"""The section `sops`: keys for files that SOPS encrypted."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gitopsd.config.models.strict import SecretOrFile, StrictModel, refused
from gitopsd.core.secret import Secret

_FILE: Final[JsonSchemaValue] = {
    "type": "object",
    "properties": {"file": {"type": "string"}},
    "required": ["file"],
    "additionalProperties": False,
}
# An AWS ARN up to its account at least, a GCP resource, a vault's URL without user and query, a Huawei region and key.
_SERVICE: Final = re.compile(
    r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}(:\S+)?|projects/[^\s/]+/\S*|https?://[^\s/?#@\\]+(/[^\s?#@\\]*)?|[a-z0-9-]+:[0-9a-f-]{36}"
)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _age(secret: Secret) -> Secret:
    if not any(sign in secret.reveal() for sign in ("AGE-SECRET-KEY-", "-----BEGIN ")):
        raise refused(
            "expected age keys: lines AGE-SECRET-KEY-1…, or an SSH private key", "{file: PATH}, if it is a path"
        )
    return secret


def _pgp(secret: Secret) -> Secret:
    if "-----BEGIN PGP PRIVATE KEY BLOCK-----" not in secret.reveal():
        raise refused(
            "expected -----BEGIN PGP PRIVATE KEY BLOCK-----, as gpg --armor --export-secret-keys prints",
            "{file: PATH}, if it is a path",
        )
    return secret


def _service(name: str) -> str:
    if ".." in name or not _SERVICE.fullmatch(name):
        raise refused(
            "expected the name of a key service, or what it begins with: arn:aws:kms:REGION:ACCOUNT…, "
            "projects/PROJECT/…, https://VAULT/…"
        )
    return name


def _variables(value: object) -> object:
    if isinstance(value, dict) and not all(isinstance(name, str) and _VARIABLE.fullmatch(name) for name in value):
        raise refused("expected names of environment variables")
    return value


class _Short:
    """A key may stand alone, without `key:` before it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string", "writeOnly": True}, _FILE]}


def _long(value: Any) -> Any:
    alone = isinstance(value, str) or (isinstance(value, dict) and set(value) == {"file"})
    return {"key": value} if alone else value


class AgeKey(StrictModel):
    """A file of age keys, or an SSH private key, and who may use it."""

    key: Annotated[SecretOrFile, AfterValidator(_age)] = Field(
        description="What age-keygen wrote, or an SSH private key without a passphrase; or {file: PATH}."
    )
    projects: list[str] = Field(
        default_factory=list, description="Projects whose applications may use it, as globs. Default: all."
    )


class PgpKey(StrictModel):
    """PGP private keys, and who may use them."""

    key: Annotated[SecretOrFile, AfterValidator(_pgp)] = Field(
        description="What gpg --armor --export-secret-keys prints of a key without a passphrase; or {file: PATH}."
    )
    projects: list[str] = Field(
        default_factory=list, description="Projects whose applications may use it, as globs. Default: all."
    )


class Kms(StrictModel):
    """Which key services may be asked. A file names its service itself: only those listed here get credentials."""

    keys: list[Annotated[str, AfterValidator(_service)]] = Field(
        default_factory=list,
        description="AWS ARNs, GCP resources, URLs of Azure key vaults or Vault's keys; or what these begin with.",
    )
    environment: Annotated[dict[str, SecretOrFile], BeforeValidator(_variables)] = Field(
        default_factory=dict,
        description="Environment variables in which the services' libraries find credentials: AWS_…, VAULT_TOKEN, ….",
    )
    projects: list[str] = Field(
        default_factory=list, description="Projects whose applications may use them, as globs. Default: all."
    )


class Sops(StrictModel):
    """Keys for files that SOPS encrypted. Only a process of their own ever has them."""

    age_keys: list[Annotated[AgeKey, BeforeValidator(_long), _Short]] = Field(
        default_factory=list, description="age keys: strings, {file: PATH}, or {key: …, projects: […]}."
    )
    pgp_keys: list[Annotated[PgpKey, BeforeValidator(_long), _Short]] = Field(
        default_factory=list, description="PGP private keys: strings, {file: PATH}, or {key: …, projects: […]}."
    )
    kms: Kms | None = Field(None, description="Key services: AWS, GCP, Azure, Vault, Huawei Cloud.")
