"""Lets the lab's tests import `kit`: pytest puts this file's folder on the module path."""
