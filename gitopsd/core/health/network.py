"""Services and Ingresses: what waits for an address from outside."""

from __future__ import annotations

from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, healthy, progressing


def service(live: Fields) -> Health:
    """A LoadBalancer without an address is Progressing, every other Service Healthy."""
    if live.text("spec", "type") != "LoadBalancer" or live.each("status", "loadBalancer", "ingress"):
        return healthy()
    return progressing("Waiting for the load balancer to get an address (status.loadBalancer.ingress is empty)")


def ingress(live: Fields) -> Health:
    """Progressing until its controller has written an address."""
    if live.each("status", "loadBalancer", "ingress"):
        return healthy()
    return progressing("Waiting for the ingress controller to set an address (status.loadBalancer.ingress is empty)")
