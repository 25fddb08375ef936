"""A real OpenStack cloud on one machine: control plane and three compute hosts, each in namespaces of its own.

Everything here is real (MariaDB, RabbitMQ, keystone, placement, glance, neutron, Nova, libvirt, QEMU); only the
machines are not. The package knows how to bring the cloud up, change one host of it, boot guests in it and take it
down. It must not know what consent means: the demo, the stories and the benchmark do.

Start at ``lab.Cloud``. Run it with the Python of the virtual environment that holds OpenStack:

    cd tests/lab && $VENV/bin/python -m cloud up
"""
