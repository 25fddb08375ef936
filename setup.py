# Builds the wheel: the native module and the programs with CMake, beside the Python packages.
#
#     pip wheel . -w dist --no-deps      one wheel for this machine's Python and libc
#     pip install .                      the same, installed at once
#
# Needs a C++20 compiler and the -dev packages named in scripts/packages.txt; CMake and Ninja come
# from PyPI when the system has none. The wheel needs none of them: it carries every library that a
# compute host may lack. Everything that is not about building stands in pyproject.toml. Must not
# know Nova.
"""Build of nova-consent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


class CMakeBuild(build_ext):
    """Has CMake build the extension and install its component `python` (module, programs,
    libraries).
    """

    def run(self) -> None:
        """Builds into the folder of temporary files and installs into the one that becomes the
        wheel.
        """
        import pybind11

        if self.inplace:
            raise SystemExit(
                "nova-consent cannot be installed editable: build a wheel, see setup.py"
            )
        build = Path(self.build_temp).resolve()
        prefix = Path(self.build_lib).resolve()
        configure = [
            "cmake",
            *("-S", str(ROOT), "-B", str(build), "-G", "Ninja"),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCONSENT_PYTHON=ON",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
            f"-DPython_EXECUTABLE={sys.executable}",
        ]
        subprocess.run(configure, check=True)
        jobs = str(self.parallel or len(os.sched_getaffinity(0)))
        compile_ = ["cmake", "--build", str(build), "--target", "consent_wheel", "--parallel", jobs]
        subprocess.run(compile_, check=True)
        install = [
            "cmake",
            "--install",
            str(build),
            "--prefix",
            str(prefix),
            "--component",
            "python",
        ]
        subprocess.run([*install, "--strip"], check=True)


def missing_tools() -> list[str]:
    """Names, for PyPI, the build tools that this machine lacks."""
    return [tool for tool in ("cmake", "ninja") if shutil.which(tool) is None]


setup(
    packages=[
        "consent_core",
        *find_packages("nova_plugin", include=["nova_consent", "nova_consent.*"]),
        # A package inside Nova's own: never its parents, which are Nova's.
        "nova.virt.consent",
    ],
    package_dir={
        "consent_core": "python/consent_core",
        "nova_consent": "nova_plugin/nova_consent",
        "nova.virt.consent": "nova_plugin/nova/virt/consent",
    },
    package_data={"consent_core": ["py.typed", "*.pyi"], "nova_consent": ["py.typed"]},
    include_package_data=False,
    ext_modules=[Extension("consent_core._native", sources=[])],
    cmdclass={"build_ext": CMakeBuild},
    setup_requires=missing_tools(),
    zip_safe=False,
)
