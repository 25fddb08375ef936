"""consent-nova-compute: nova-compute, where Nova and this package are installed in different
places.

Distributions install Nova under /usr/lib/python3/dist-packages, this package goes elsewhere, and
nova.virt is not a namespace package, so Nova would not find nova.virt.consent. Takes nova-compute's
arguments.
"""

from __future__ import annotations

from pathlib import Path


def main() -> None:
    """Runs nova-compute to its end, with nova.virt.consent known to it."""
    # First of all: importing it patches the standard library where Nova is to run on eventlet.
    from nova.cmd import compute

    make_driver_known()
    compute.main()


def make_driver_known() -> None:
    """Adds our part of nova.virt to Nova's own. Does nothing when Nova finds it already."""
    import nova.virt

    import nova_consent

    ours = str(Path(nova_consent.__file__).parent.parent / "nova" / "virt")
    if ours not in nova.virt.__path__:
        nova.virt.__path__.append(ours)
