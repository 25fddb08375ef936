// What consent-worker gives up before it reads its first byte: it handles what guests send, and may be taken over by it.
#pragma once

namespace consent {

/// No new privileges, no core file (it would hold guests' words), not traceable by others of its user, killed when the
/// thread that started it dies; memory and open files bounded; every descriptor above 2 closed.
///
/// Not done: RLIMIT_FSIZE, since its standard error may be a log file of nova-compute's that has grown beyond any bound.
/// Nor RLIMIT_NPROC, which counts a user's processes and not a program's, and would forbid qemu+ssh:// URIs their ssh.
/// Throws std::system_error when a limit cannot be set: better no worker than an unbounded one.
void confine();

}  // namespace consent
