"""Validators of our extra specs, for nova-api: a flavor with a rule that cannot be taken is refused.

Entry point nova.api.extra_spec_validators. Nova validates extra specs from API microversion 2.86 on;
what comes in below that is read by compute hosts all the same, where a bad rule says ask. The rule is
read by the same engine. Must not know what rules are used for.
"""

from __future__ import annotations

import json
from typing import Any

from nova import exception
from nova.api.validation.extra_specs import base
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

try:
    from consent_core import ConsentError, RuleSet
    from nova_consent.standing import RULE_SPEC, VETO_SPEC, VOTER_SPEC
except Exception:
    # Nova's own way with a validator that cannot be imported raises, and nova-api does not start.
    LOG.exception("consent: our extra specs of flavors are not checked; compute hosts read them")
    _USABLE = False
else:
    _USABLE = True


class RuleValidator(base.ExtraSpecValidator):  # type: ignore[misc]
    """Takes what consent_core takes as one rule."""

    def validate(self, name: str, value: str) -> None:
        """:raises nova.exception.ValidationError: with place and remedy"""
        super().validate(name, value)
        try:
            RuleSet.of_properties({name.removeprefix(RULE_SPEC): value}, name)
        except ConsentError as error:
            raise exception.ValidationError(
                f"Validation failed; {json.dumps(str(error))}"
            ) from None


def register() -> list[Any]:
    """All validators, as Nova asks for them; none where our package cannot be loaded."""
    if not _USABLE:
        return []
    return [
        base.ExtraSpecValidator(
            name=VOTER_SPEC,
            description=(
                "Whether guests of this flavor are asked before a live migration where only listed "
                "guests are. Counts for servers created or resized later."
            ),
            value={"type": bool},
        ),
        base.ExtraSpecValidator(
            name=VETO_SPEC,
            description=(
                "Whether the refusals of guests of this flavor count where only entitled ones do. "
                "Counts for servers created or resized later."
            ),
            value={"type": bool},
        ),
        RuleValidator(
            name=RULE_SPEC + "{name}",
            description=(
                "What guests of this flavor say beforehand of live migrations: one rule as a YAML "
                'mapping in one line, {when: {guest.vcpus: ">= 8"}, answer: refuse, because: too '
                "big}. Rules are judged in the order of their names. Counts for servers created or "
                "resized later."
            ),
            value={"type": str},
            parameters=[{"name": "name", "pattern": r"[a-zA-Z0-9_. -]{1,64}"}],
        ),
    ]
