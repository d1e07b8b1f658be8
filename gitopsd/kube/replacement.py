"""What is put in the place of a live object, where `Replace=true` asks for that (as `kubectl replace` does)."""

from __future__ import annotations

from typing import Final

import orjson

from gitopsd.core.jsonvalue import JsonObject, mapping, text

# Whoever wrote these still counts on them: without its finalizers an object would vanish before it is cleaned up.
_KEPT: Final = ("finalizers", "ownerReferences")


def replacement(desired: JsonObject, live: JsonObject) -> bytes:
    """`desired` as the body of a PUT: refused (409) if somebody wrote to the object since `live`.

    Of what is live stay finalizers, owners and status, unless `desired` has its own.
    """
    there = mapping(live, "metadata")
    metadata = {
        **{name: there[name] for name in _KEPT if name in there},
        **mapping(desired, "metadata"),
        "resourceVersion": text(there, "resourceVersion"),
        "uid": text(there, "uid"),
    }
    status = {"status": live["status"]} if "status" in live else {}
    return orjson.dumps({**status, **desired, "metadata": metadata})
