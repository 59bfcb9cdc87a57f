"""How long something has been going on, without its pauses."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Stopwatch"]


class Stopwatch:
    """Counts seconds between `restart` or `go_on` and `stop`.

    Parameters
    ----------
    now : callable
        ``now()`` returns the time in seconds, from any start.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._before = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """The seconds so far."""
        return self._before + (0.0 if self._since is None else self._now() - self._since)

    def restart(self) -> None:
        """Count from 0."""
        self._before, self._since = 0.0, self._now()

    def stop(self) -> None:
        """Count no further until `go_on`."""
        self._before, self._since = self.seconds, None

    def go_on(self) -> None:
        """Count on."""
        self._before, self._since = self.seconds, self._now()
