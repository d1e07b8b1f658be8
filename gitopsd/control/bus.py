"""Events from the control room to whoever listens."""

from __future__ import annotations

from collections.abc import Callable

from gitopsd.core.events import Event

Subscriber = Callable[[Event], None]


class Bus:
    """Calls every subscriber with every event, in the order of subscription.

    Subscribers are quick and never await: one that has more to do puts the event aside. One that raises is dropped out
    of the event, not out of the bus: `on_failure` hears of it and the others still get the event.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._subscribers: list[Subscriber] = []
        self._on_failure = on_failure

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the answer takes it away again."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def publish(self, event: Event) -> None:
        """Tell everybody."""
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            # A listener's fault must reach neither the other listeners nor the reconcile.
            except Exception as error:  # noqa: BLE001
                self._on_failure(error)
