"""A testkit for each test that asks for one, and a secret store that a test can look into."""

import asyncio
import functools

import pytest

from rapport import Rapport, SecretStore
from rapport.testkit import TestKit


class Secrets(SecretStore):
    """Keeps secrets in memory, as a phone's key store does; survives what tests do to the store."""

    def __init__(self):
        self.kept = {}

    def get(self, name):
        return self.kept.get(name)

    def put(self, name, value):
        self.kept[name] = value

    def remove(self, name):
        self.kept.pop(name, None)


def pytest_pyfunc_call(pyfuncitem):
    """Tests may be coroutines."""
    if asyncio.iscoroutinefunction(pyfuncitem.obj):
        wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        asyncio.run(asyncio.wait_for(pyfuncitem.obj(**wanted), 120))
        return True
    return None


@pytest.fixture
def kit():
    with TestKit() as kit:
        yield kit


@pytest.fixture
def secrets():
    return Secrets()


@pytest.fixture
def opened(tmp_path, secrets):
    """Opens the store in the test's folder; again and again if asked."""
    return functools.partial(
        Rapport.open, server="http://127.0.0.1:9", folder=tmp_path / "store", app="pytest 1", secrets=secrets
    )
