"""Live objects and desired ones for tests of pure functions."""

from gitopsd.core.app import AppSpec
from gitopsd.core.desired import desired
from gitopsd.core.document import Document, canonical
from gitopsd.core.ids import GVK
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import Desired, DesiredObject, KindInfo
from gitopsd.testing.builders import an_app, manifests
from gitopsd.testing.kinds import Kinds
from gitopsd.testing.objects import Objects

APP = an_app()
WIDGET = GVK("example.org", "v1", "Widget")


def want(*bodies: JsonObject, spec: AppSpec = APP) -> Desired:
    """Return what `spec` wants when it renders to `bodies`."""
    return desired(spec, manifests(*bodies), {**Kinds().served, WIDGET: KindInfo(namespaced=True)})


def live_of(wanted: DesiredObject, *, owner: str = "guestbook", version: str = "7", copied: bool = False) -> LiveObject:
    """Return the object as it is right after it was applied."""
    body = Objects().applied(wanted.key, wanted.document.body(), wanted.gvk)
    return live_body(wanted, body, owner=owner, version=version, copied=copied)


def live_body(
    wanted: DesiredObject,
    body: JsonObject,
    *,
    owner: str = "guestbook",
    version: str = "7",
    copied: bool = False,
    deleting: bool = False,
) -> LiveObject:
    """Return a live object with this body."""
    uid = f"uid-{wanted.key.name}"
    document = Document(canonical(body))
    return LiveObject(wanted.key, wanted.gvk, uid, version, document, owner, copied, (), deleting)


def live(*found: LiveObject) -> Live:
    """Return them by key."""
    return Live({one.key: one for one in found})
