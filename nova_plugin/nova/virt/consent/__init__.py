"""The name under which Nova can load the driver: `compute_driver = consent.ConsentLibvirtDriver`.

Nova loads drivers as nova.virt.<name> only, so this package is installed inside Nova's own. It
holds this one import; where Nova lies elsewhere than our packages, nova_consent.cmd makes it known.
"""

from nova_consent.driver import ConsentLibvirtDriver

__all__ = ["ConsentLibvirtDriver"]
