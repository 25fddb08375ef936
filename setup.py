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
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


class CleanBuild(build):
    """Starts from nothing, so that what an earlier build left does not get into the wheel."""

    def run(self) -> None:
        """Empties the folder that becomes the wheel; CMake's own objects stay for its use."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class CMakeBuild(build_ext):
    """Has CMake build and install its component `python`: module, programs, libraries."""

    def run(self) -> None:
        """Builds among the temporary files and installs into the folder that becomes the wheel."""
        # Imported here: setup.py is also run to learn what the build requires.
        import pybind11

        if self.inplace:
            raise SystemExit("nova-consent is not built in place: make a wheel, see setup.py")
        objects = Path(self.build_temp).resolve()
        prefix = Path(self.build_lib).resolve()
        configure = [
            *("cmake", "--fresh", "-G", "Ninja", "-S", str(ROOT), "-B", str(objects)),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCONSENT_PYTHON=ON",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
            f"-DPython_EXECUTABLE={sys.executable}",
        ]
        jobs = str(self.parallel or len(os.sched_getaffinity(0)))
        compile_ = ["cmake", "--build", str(objects), "--target", "consent_wheel", "-j", jobs]
        install = ["cmake", "--install", str(objects), "--component", "python", "--strip"]
        subprocess.run(configure, check=True)
        subprocess.run(compile_, check=True)
        subprocess.run([*install, "--prefix", str(prefix)], check=True)
        replace_links(prefix / "consent_core" / "lib")


def replace_links(folder: Path) -> None:
    """Puts each library in the place of its link: a wheel holds no links, but copies."""
    for link in [path for path in folder.glob("*") if path.is_symlink()]:
        os.replace(link.resolve(), link)


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
    cmdclass={"build": CleanBuild, "build_ext": CMakeBuild},
    setup_requires=missing_tools(),
    zip_safe=False,
)
