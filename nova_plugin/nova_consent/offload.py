"""How a call that blocks waits without stopping nova-compute.

nova-compute runs on eventlet up to Nova 2026.1 and on threads from 2026.2 on. On eventlet a call
into C++ that releases the GIL still stops every green thread; Nova's way out is its pool of native
threads, which goes by two names: nova.utils.tpool_execute (2025.1, 2025.2) and
nova.utils.tpool_wrap (2026.1 and later, which is nothing under threads). Must not know what it is
that blocks, nor import eventlet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from nova import utils
from oslo_context import context

T = TypeVar("T")

MAX_READS = 64
_reads = threading.BoundedSemaphore(MAX_READS)


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
    threading, with the caller's context for what is logged there; at most MAX_READS at once, those
    counted that nobody waits for any more.

    :raises TooSlowError: after timeout_s; `call` is left to its own time-out and its outcome is
        dropped
    """
    began = time.monotonic()
    current = context.get_current()
    results: list[T] = []
    errors: list[Exception] = []
    done = threading.Event()
    if not _reads.acquire(timeout=timeout_s):
        raise TooSlowError(
            f"{MAX_READS} reads of Nova's database were under way for {timeout_s:.1f} s"
        )

    def run() -> None:
        try:
            if current is not None:
                current.update_store()
            results.append(call())
        except Exception as error:  # noqa: BLE001  raised again, where it is waited for
            errors.append(error)
        except BaseException as error:  # noqa: BLE001  an exit, say: not the caller's
            errors.append(RuntimeError(f"the read ended with {type(error).__name__}"))
        finally:
            done.set()
            _reads.release()

    try:
        threading.Thread(target=run, name="consent-facts", daemon=True).start()
    except BaseException:
        _reads.release()
        raise
    if not done.wait(max(0.0, began + timeout_s - time.monotonic())):
        raise TooSlowError(f"Nova's conductor did not answer within {timeout_s:.1f} s")
    if errors:
        raise errors[0]
    return results[0]
