"""consent_core.errors: each C++ error as its Python class, by code."""

from __future__ import annotations

import copy
import pickle

import pytest

import consent_core
from consent_core import (
    ConsentError,
    InquiryError,
    MemoryVoters,
    PolicyError,
    RequestError,
    Runner,
    _native,
)


def test_classes_and_codes() -> None:
    classes = (ConsentError, RequestError, PolicyError, InquiryError)
    assert [each.code for each in classes] == ["internal", "request", "policy", "inquiry"]
    assert issubclass(RequestError, ValueError)
    assert not issubclass(PolicyError, ValueError)  # Nova hides ValueError in nova.conf's reading


def test_the_class_goes_by_code_not_by_text() -> None:
    class OtherError(ConsentError):
        code = "policy"

        def __init__(self, *parts: object) -> None:
            super().__init__(*parts)

    _native.register_error("policy", OtherError)
    try:
        with pytest.raises(OtherError):
            consent_core.parse_host_policy("mode: perhaps", "host.yaml")
    finally:
        _native.register_error("policy", PolicyError)


def test_an_invalid_argument_is_a_request_error() -> None:
    with pytest.raises(RequestError, match="max_rounds"):
        Runner(MemoryVoters(), max_rounds=0)


def test_policy_error_keeps_its_parts() -> None:
    error = PolicyError("host.yaml", 3, 7, "mode", "is not a mode", "write off, audit or enforce")
    for each in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (each.file, each.line, each.column, each.field) == ("host.yaml", 3, 7, "mode")
        assert each.problem == "is not a mode"
        assert each.remedy == "write off, audit or enforce"
        assert str(each) == ("host.yaml:3:7: mode: is not a mode; write off, audit or enforce")


def test_policy_error_without_a_place() -> None:
    error = PolicyError("host.yaml", problem="is too large", remedy="at most 64 KiB")
    assert str(error) == "host.yaml: is too large; at most 64 KiB"


def test_inquiry_error_keeps_its_parts() -> None:
    error = InquiryError("libvirt", "libvirtd does not answer")
    for each in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (each.failure_code, each.why) == ("libvirt", "libvirtd does not answer")
        assert str(each) == "libvirt: libvirtd does not answer"
    assert str(InquiryError("limit")) == "limit"
