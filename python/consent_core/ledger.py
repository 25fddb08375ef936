"""Where grants are kept: consents on record, each good for one migration until it expires.

In memory: gone when the process ends, when the answer is to ask again. Must not know rounds or
Nova.
Source: cpp/include/consent/ports.hpp (Ledger).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consent_core import _native

if TYPE_CHECKING:
    from consent_core._native import GrantDict


@dataclass(frozen=True)
class Grant:
    """This guest may come from that source to this site, once, until then.

    Attributes:
        id: numbered upwards in each ledger, from 1.
        round: UUID of the round that consented.
        mover: the guest's UUID.
        source: host name.
        site: host name.
        expires: seconds on the clock of `time.monotonic()`.
    """

    id: int
    round: str
    mover: str
    source: str
    site: str
    expires: float


class MemoryLedger:
    """Grants in memory.

    Of one mover and site a later grant takes the earlier one's place. At most 4096: one more takes
    the place of the one that would expire first.

    Threads: safe for use by several; no call waits. Fork: parent and child each go on with a copy,
    so that a grant could be claimed twice: a child that claims makes a ledger of its own.
    """

    def __init__(self) -> None:
        """An empty ledger."""
        self._native = _native.memory_ledger()

    def grant(
        self,
        mover: str,
        source: str,
        site: str,
        lifetime_s: float,
        round: str = "",  # noqa: A002
    ) -> Grant:
        """Records a grant that lives `lifetime_s` seconds from now (0.001 to a year).

        Args:
            mover: the guest's UUID.
            source: host name.
            site: host name.
            lifetime_s: seconds; rounded down to milliseconds.
            round: UUID of the round that consented; empty: one is made up.

        Returns:
            The grant with its number.

        Raises:
            RequestError: a value out of range; nothing was recorded.
        """
        return _grant(self._native.grant(mover, source, site, lifetime_s, round))

    def claim(self, mover: str, source: str, site: str) -> Grant | None:
        """Takes the live grant of this mover from this source to this site; None when there is
        none.

        A grant is claimed once: the second call finds none.
        """
        raw = self._native.claim(mover, source, site)
        return None if raw is None else _grant(raw)

    def live(self) -> int:
        """Counts the grants that can be claimed now."""
        return self._native.live()


def _grant(raw: GrantDict) -> Grant:
    """Makes a Grant of what the native module gives."""
    return Grant(**raw)
