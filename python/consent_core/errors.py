"""The errors that consent_core raises, one class for each code of the C++ core.

A round's failure is no error: it is a report whose verdict is `State.FAILED`. Errors are what the
caller or an operator must put right. All can be pickled. Must not know Nova.
"""

from __future__ import annotations

from consent_core import _native


class ConsentError(Exception):
    """Base of all errors raised here; raised itself for a fault inside the core (code "internal").

    Nothing was asked or recorded that a report would not have told, except where a call says
    otherwise.
    """

    code = "internal"


class RequestError(ConsentError, ValueError):
    """A value handed in is out of range or of the wrong type; the message names the field. Nobody
    was asked.
    """

    code = "request"


class InquiryError(ConsentError):
    """Guests could not be asked in a question that is no round, by a fault of ours.

    Attributes:
        failure_code: what failed, as in `RoundReport.failure_code`: worker_lost, worker_timeout,
            worker_protocol, libvirt, limit or internal.
        why: in words.
    """

    code = "inquiry"

    def __init__(self, failure_code: str, why: str = "") -> None:
        """Keeps both; they are positional so that the error can be pickled."""
        super().__init__(failure_code, why)
        self.failure_code = failure_code
        self.why = why

    def __str__(self) -> str:
        return f"{self.failure_code}: {self.why}" if self.why else self.failure_code


class PolicyError(ConsentError):
    """A policy file that cannot be taken; none of it was.

    `str()` is one printable line, "FILE:LINE:COLUMN: FIELD: what is wrong; remedy", without what is
    not known.

    Attributes:
        file: path as given.
        line: from 1; 0 when the fault has no place in the text (file unreadable, too large).
        column: from 1; 0 likewise.
        field: dotted path of the field; empty for the file as a whole.
        problem: what is wrong.
        remedy: what to do.
    """

    code = "policy"

    def __init__(
        self,
        file: str,
        line: int = 0,
        column: int = 0,
        field: str = "",
        problem: str = "",
        remedy: str = "",
    ) -> None:
        """Keeps the six parts; all are positional so that the error can be pickled."""
        super().__init__(file, line, column, field, problem, remedy)
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        what = "; ".join(part for part in (self.problem, self.remedy) if part)
        return ": ".join(part for part in (place, self.field, what) if part)


for _error in (ConsentError, RequestError, InquiryError, PolicyError):
    _native.register_error(_error.code, _error)
