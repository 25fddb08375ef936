"""How a call that blocks waits without stopping nova-compute.

nova-compute runs on eventlet up to Nova 2026.1 and on threads from 2026.2 on. On eventlet a call
into C++ that releases the GIL still stops every green thread; Nova's way out is its pool of native
threads, which goes by two names: nova.utils.tpool_execute (2025.1, 2025.2) and
nova.utils.tpool_wrap (2026.1 and later, which is nothing under threads). Must not know what it is
that blocks, nor import eventlet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from nova import utils

T = TypeVar("T")


class TooSlowError(Exception):
    """A call did not return in time. It may still be running; what it returns is dropped."""


def offload(target: object, method: str, *args: Any) -> Any:
    """Calls target.method(*args), which blocks outside Python, and returns what it returns or
    raises.

    Other green threads go on meanwhile. The method must not log, nor use locks of Python: on
    eventlet it runs in a native thread, where Nova's green locks do not work.
    """
    if hasattr(utils, "tpool_wrap"):
        return getattr(utils.tpool_wrap(target), method)(*args)
    return utils.tpool_execute(getattr(target, method), *args)


def within(timeout_s: float, call: Callable[[], T]) -> T:
    """Returns what `call` returns, or raises what it raises, if that takes at most `timeout_s`
    seconds.

    For calls over Nova's message bus, whose own time-out (rpc_response_timeout, 60 s) is longer
    than a round may take. They run in a thread of their own, a green one where Nova has patched
    threading.

    :raises TooSlowError: after timeout_s; `call` is left to its own time-out and its outcome is dropped
    """
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  raised again, where it is waited for
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="consent-facts", daemon=True).start()
    if not done.wait(timeout_s):
        raise TooSlowError(f"Nova's conductor did not answer within {timeout_s:.1f} s")
    if errors:
        raise errors[0]
    return results[0]
