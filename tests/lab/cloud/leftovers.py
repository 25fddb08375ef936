"""Takes away what a cloud left on the machine, the one that is up or one that was killed. Standard library only, so
that it works when the cloud's virtual environment is gone."""

from __future__ import annotations

import shutil

from . import namespaces
from .layout import Layout


def clear(place: Layout) -> int:
    """Ends every process in the lab's namespaces, by pid, and removes namespaces, bridge, mount points and state.

    The cache stays. Returns how many processes it ended. Safe when there is nothing.

    :raises LabError: a process does not end.
    """
    ended = sum(namespaces.remove_namespace(name) for name in namespaces.leftover_namespaces())
    namespaces.remove_bridge()
    namespaces.remove_mount_points(place)
    if place.run.exists():
        shutil.rmtree(place.run)
    return ended
