"""Whatever fails inside a gate, and wherever: only a refusal leaves it, or nothing.

A failure is planted at each call that our code makes between entering a gate and leaving it, in the
gate's own thread and in those that it starts: first one run counts the calls, then one run a call
has it raise. Nothing is listed by hand, so a call added tomorrow is tried tomorrow.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from nova import exception

import consent_core
import nova_consent
from consent_core import Answer, MemoryVoters, Voter
from unit.gates import NEIGHBOUR, GateTestCase

OURS = (str(Path(nova_consent.__file__).parent), str(Path(consent_core.__file__).parent))

# Entering these functions of our own is no call that can fail; what they call is planted.
ENTERED = {"_hold", "_failure"}

# Called by the interpreter itself while our code runs (weak references die), where an exception is
# printed and dropped.
INTERPRETERS = {"_remove", "setprofile"}


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot be printed either")


ERRORS: list[Callable[[], Exception]] = [
    RuntimeError,
    MemoryError,
    UnprintableError,
    lambda: ValueError("a value\nof two lines \x1b[1m"),
    lambda: exception.InstanceNotFound(instance_id="x"),
    lambda: exception.MigrationPreCheckError(reason="not ours"),
]


class Planter:
    """Counts the calls that our code makes, and has the `at`-th of them raise (from 1; 0: none)."""

    def __init__(self, at: int = 0, make: Callable[[], Exception] = RuntimeError) -> None:
        self.at = at
        self.make = make
        self.points: list[str] = []
        self.reading_for_the_record = False
        self.planted_in_the_record = False

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if frame.f_code.co_name == "_noted" and event in ("call", "return"):
            self.reading_for_the_record = event == "call" and len(self.points) + 1 != self.at
        if event == "call":
            caller, callee = frame.f_back, frame.f_code.co_name
        elif event == "c_call":
            caller, callee = frame, arg.__name__
        else:
            return
        if caller is None or not caller.f_code.co_filename.startswith(OURS):
            return
        if callee in ENTERED or callee in INTERPRETERS:
            return
        if caller.f_code.co_name == "_hold" and callee == "__init__":
            return  # the refusal itself, as Nova makes it
        place = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno} {callee}"
        self.points.append(place)
        if len(self.points) == self.at:
            self.planted_in_the_record = self.reading_for_the_record
            raise self.make()

    def run(self, call: Callable[[], None]) -> Exception | None:
        """What leaves `call`."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            call()
        except Exception as error:  # noqa: BLE001  what leaves is what is looked at
            return error
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return None


class FaultsTest(GateTestCase):
    def setUp(self) -> None:
        super().setUp()
        # A thread that dies of what was planted in it is no news here.
        patch = mock.patch("threading.excepthook")
        patch.start()
        self.addCleanup(patch.stop)
        (self.folder / "host.yaml").write_text(f"silence: refuse\nlisted: [{NEIGHBOUR}]\n")

    def gates(self, guests: MemoryVoters | None = None, **options):
        """Each way into a gate: its name and a call that makes a gate anew and goes through it."""
        options = {"voters": "listed", "round_deadline_s": 0.3, **options}

        def through(method: str, host: str, *arguments):
            gate = self.make_gate(guests, host, **options)
            return lambda: getattr(gate, method)(self.context, self.instance, *arguments)

        yield "incoming", lambda: through("incoming", "host2", {"stats": {}})
        yield "outgoing", lambda: through("outgoing", "host1")
        yield "arriving", lambda: through("arriving", "host2")

    def plant(self, allowed: Callable[[str, Exception | None], bool], guests=None, **options):
        """Plants every error at every call; returns how many runs that were. What fails while
        something is read for the record alone may always be let through.
        """
        runs = spared = 0
        for name, make_call in self.gates(guests, **options):
            counter = Planter()
            call = make_call()
            with mock.patch("nova_consent.gate.LOG"):
                self.assertTrue(allowed("", counter.run(call)), f"{name}, nothing planted")
            self.assertGreater(len(counter.points), 40, name)
            for at in range(1, len(counter.points) + 1):
                make = ERRORS[at % len(ERRORS)]
                planter = Planter(at, make)
                call = make_call()
                # Places of their own: one is lost where giving it back is what fails.
                places = mock.patch("nova_consent.offload._reads", threading.BoundedSemaphore(64))
                with mock.patch("nova_consent.gate.LOG"), places:
                    left = planter.run(call)
                point = planter.points[at - 1] if len(planter.points) >= at else "not reached"
                if planter.planted_in_the_record and left is None:
                    spared += 1
                    runs += 1
                    continue
                self.assertTrue(
                    allowed(point, left),
                    f"{name}: {make} planted at call {at}, {point}: {left!r} left the gate",
                )
                runs += 1
        self.assertLess(spared, runs // 2, "what a round can do without is the smaller part")
        return runs

    def test_enforce_and_refuse(self) -> None:
        def allowed(point: str, left: Exception | None) -> bool:
            if not point:
                return left is None
            if point.startswith("offload.py") and point.endswith(" release"):
                return True  # the answer was there already
            # Exactly this class: Nova takes no other, not even one derived from it.
            return type(left) is exception.MigrationPreCheckError

        self.assertGreater(self.plant(allowed), 200)

    def test_enforce_and_allow(self) -> None:
        self.plant(lambda point, left: left is None, on_error="allow")

    def test_audit(self) -> None:
        refusing = MemoryVoters(
            [Voter(NEIGHBOUR, "n"), Voter(self.instance.uuid, "m")], default=Answer.REFUSE
        )
        self.plant(lambda point, left: left is None, refusing, mode="audit")

    def test_a_second_failure_at_each_call(self) -> None:
        """What is done about a failure may fail too, at each of its calls."""
        self.get_by_filters.side_effect = RuntimeError
        self.read_guests.side_effect = RuntimeError  # of voters = listed
        self.plant(lambda point, left: left is None, mode="audit")
        refusing = exception.MigrationPreCheckError
        self.plant(lambda point, left: left is None or type(left) is refusing)

    def test_a_refusal_is_none_the_less_one_when_it_cannot_be_logged(self) -> None:
        refusing = MemoryVoters(
            [Voter(NEIGHBOUR, "n"), Voter(self.instance.uuid, "m")], default=Answer.REFUSE
        )
        for _name, make_call in self.gates(refusing, on_error="allow"):
            with mock.patch("nova_consent.gate.LOG") as log:
                log.info.side_effect = OSError("no space left on device")
                self.assertRaises(exception.MigrationPreCheckError, make_call())

    def test_a_second_failure_while_the_first_is_told(self) -> None:
        for mode, kind in (("enforce", exception.MigrationPreCheckError), ("audit", type(None))):
            for name, make_call in self.gates(mode=mode):
                for log_error in ERRORS:
                    with mock.patch("nova_consent.gate.LOG") as log:
                        log.exception.side_effect = log_error()
                        planter = Planter(3, UnprintableError)
                        self.assertIs(kind, type(planter.run(make_call())), (mode, name))

    def test_the_reason_is_one_short_printable_line(self) -> None:
        self.read_guests.side_effect = ValueError("two\nlines \x1b[1m" + "x" * 100000)
        gate = self.make_gate(voters="listed")
        error = self.assertRaises(
            exception.MigrationPreCheckError, gate.incoming, self.context, self.instance, {}
        )
        reason = error.kwargs["reason"]
        self.assertTrue(reason.isprintable())
        self.assertLessEqual(len(reason), 500)
        self.assertIn("two lines", reason)
