"""The wheel holds a library for one processor, and no code for one version of Python: its name says so."""

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel


class Library(Distribution):
    def has_ext_modules(self):
        return True


class Wheel(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(distclass=Library, cmdclass={"bdist_wheel": Wheel})
