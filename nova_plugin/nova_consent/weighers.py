"""ConsentWeigher: prefers hosts whose voters would agree, without asking anybody.

Certain consent before asking, fewer voters to ask before more, fewer refusals lately before more.
Works from the forecast that ConsentFilter made for the same request: without that filter, or for
what it does not judge, all hosts weigh the same. No database read. Never raises: a weigher that does
fails the request. Must not know voters, rounds or digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nova.scheduler import utils, weights
from oslo_log import log as logging

from consent_core import Judgement, Outlook
from nova_consent.conf import SchedulerOptions
from nova_consent.forecast import FORECASTER, name_of

LOG = logging.getLogger(__name__)

_MULTIPLIER = "consent_weight_multiplier"
"""In the metadata of aggregates, as Nova's weighers have theirs."""
_RANKS = {Outlook.CONSENT: 0, Outlook.ASK: 1, Outlook.REFUSE: 2}


class ConsentWeigher(weights.BaseHostWeigher):  # type: ignore[misc]
    """Weighs hosts by their place in the order above: 1.0 for the first, 0.0 for the last."""

    minval = 0.0
    maxval = 1.0

    def __init__(self) -> None:
        FORECASTER.weighed = True

    def weight_multiplier(self, host_state: Any) -> float:
        """[consent] weight_multiplier, or what the host's aggregates say."""
        multiplier = SchedulerOptions().weight_multiplier
        try:
            multiplier = FORECASTER.options().weight_multiplier
            # Nova's helper takes several times as long to find nothing, and is called for each host.
            for aggregate in host_state.aggregates:
                if _MULTIPLIER in aggregate.metadata:
                    return float(utils.get_weight_multiplier(host_state, _MULTIPLIER, multiplier))
            return multiplier
        except Exception:  # noqa: BLE001  what cannot be read counts for nothing
            return multiplier

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> float:
        """Nova's interface for one host alone, among which there is no order."""
        return 0.0

    def weigh_objects(self, weighed_obj_list: Sequence[Any], weight_properties: Any) -> list[float]:
        """A weight for each of Nova's WeighedObjects, in their order; 0.0 for all without a forecast."""
        hosts = list(weighed_obj_list)
        try:
            forecast = FORECASTER.latest(weight_properties)
            if forecast is not None:
                judgements = forecast.judgements
                return by_rank([_order(judgements.get(name_of(each.obj))) for each in hosts])
        except Exception:  # noqa: BLE001  logged there
            _tell_error()
        return [0.0] * len(hosts)


def by_rank(keys: Sequence[tuple[int, int, int]]) -> list[float]:
    """1.0 for the least key, 0.0 for the greatest, even steps for those between; equal for equal."""
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    last = max(1, len(places) - 1)
    return [1.0 - places[key] / last if len(places) > 1 else 0.0 for key in keys]


def _order(judgement: Judgement | None) -> tuple[int, int, int]:
    """The less, the better. A host that publishes nothing: nothing is known of it, as of one that asks."""
    if judgement is None:
        return (_RANKS[Outlook.ASK], 0, 0)
    return (_RANKS[judgement.outlook], judgement.to_ask, judgement.refusals)


def _tell_error() -> None:
    try:
        LOG.exception("consent: the weigher failed, so all hosts weigh the same")
    except Exception:  # noqa: BLE001  the log itself is what fails
        return
