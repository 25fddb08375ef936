"""What the labs are made of: a guest that boots in seconds, libvirtd in namespaces, the guest's
serial console.

Used by the libvirt faults (tests/lab/faults), the benches and the cloud (tests/lab/cloud). Must not
know Nova, nor what a test asserts. Needs root, and the packages that scripts/packages.txt names.
"""
