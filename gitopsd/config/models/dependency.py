"""What has to stand before an application is synced."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from gitopsd.config.models.strict import StrictModel


class Dependency(StrictModel):
    """An application that has to be Synced and Healthy, or a live object of the same cluster."""

    app: str = Field("", description="Name of the application.")
    revision: str = Field("", description="The commit it has to be at, or the beginning of it. Default: any.")
    api_version: str = Field("", description="Of the object.")
    kind: str = Field("", description="Of the object.")
    namespace: str = Field("", description="Of the object; none for kinds without namespaces.")
    name: str = Field("", description="Of the object.")
    ready: str = Field("", description="What has to hold, in CEL, of `object`. Default: it is Healthy.")


def from_text(value: object) -> object:
    """`NAME` and `NAME@REVISION` as the mapping that they are short for; anything else as it is."""
    if not isinstance(value, str):
        return value
    app, at, revision = value.strip().partition("@")
    return {"app": app.strip(), "revision": revision.strip() if revision.strip() or not at else "@"}


Named = Annotated[Dependency, BeforeValidator(from_text, json_schema_input_type=Dependency | str)]
"""A dependency, or a text that is short for one."""
