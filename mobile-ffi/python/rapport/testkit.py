"""The real server in an app's tests: its people, its clock and its network in the test's hands.

    with TestKit() as kit:
        ann = await kit.phone("ann")
        customer = kit.create_as("office", "party", {"op": "set", "field": "name", "value": "佳美"})
        await quiesce(ann)
        kit.cut()
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from typing import Any

from . import Rapport

_QUIET_AFTER = 100


class TestKit:
    """A server that lives as long as the `with` block. `RAPPORT_TESTKIT` says where its program is."""

    __test__ = False

    def __init__(self, program: str | None = None) -> None:
        program = program or os.environ.get("RAPPORT_TESTKIT", "rapport-testkit")
        self._server = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        self._phones = 0

    def __enter__(self) -> TestKit:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server, as a power cut does."""
        self._server.kill()
        self._server.wait()
        self._server.stdin.close()
        self._server.stdout.close()

    def _call(self, do: str, **arguments: Any) -> Any:
        self._server.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError("the testkit has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    @property
    def url(self) -> str:
        """Where phones find it."""
        return self._call("url")

    def person(self, login: str, role: str = "rep") -> str:
        """Adds a person. Answers with the id of their record."""
        return self._call("person", login=login, role=role)

    def code(self, login: str) -> str:
        """A one-time code that makes a phone somebody's."""
        return self._call("code", login=login)

    async def phone(self, login: str) -> Rapport:
        """A phone of somebody's, in memory, enrolled and up to date; the person is added as a rep if new."""
        try:
            code = self.code(login)
        except RuntimeError:
            self.person(login)
            code = self.code(login)
        rapport = await Rapport.open_in_memory(server=self.url, app="testkit")
        await rapport.enrol(code, f"phone of {login}")
        await quiesce(rapport)
        return rapport

    async def pair(self, login: str) -> tuple[Rapport, Rapport]:
        """Two phones of one person."""
        return await self.phone(login), await self.phone(login)

    def edit_as(self, login: str, kind: str, record: str, *edits: dict) -> None:
        """Edits a record in the console, as somebody."""
        self._call("edit_as", login=login, kind=kind, record=record, edits=list(edits))

    def create_as(self, login: str, kind: str, *edits: dict) -> str:
        """Makes a record in the console, as somebody. Answers with its id."""
        return self._call("create_as", login=login, kind=kind, edits=list(edits))

    def reject_next(self, login: str, code: str = "forbidden", detail: str = "refused by the test") -> None:
        """The next edit that arrives from a phone of somebody's is refused."""
        self._call("reject_next", login=login, code=code, detail=detail)

    def revoke_devices(self, login: str) -> None:
        """Shuts all phones of somebody out."""
        self._call("revoke_devices", login=login)

    def send_away(self, login: str, act: str = "lost") -> None:
        """Has all phones of somebody forget everything at their next word; with `hand_back` they deliver first."""
        self._call("send_away", login=login, act=act)

    def receipts(self, login: str) -> list[dict]:
        """What somebody's phones said that they have removed, newest first: `removal`, `records`, `unsent`."""
        return self._call("receipts", login=login)

    def terms(self, lease_days: int = 0, confirm: bool = False) -> None:
        """Days without contact after which phones lock (0: never), and whether new ones wait for `confirm`."""
        self._call("terms", lease_days=lease_days, confirm=confirm)

    def confirm(self, fingerprint: str) -> None:
        """Lets the phone in that waits and shows this fingerprint, as an administrator does who has compared it."""
        self._call("confirm", fingerprint=fingerprint)

    def forward(self, ms: int) -> None:
        """Sets the server's clock forward; phones follow it when they next sync."""
        self._call("forward", ms=ms)

    def cut(self) -> None:
        """Cuts the network."""
        self._call("cut")

    def mend(self) -> None:
        """Mends it."""
        self._call("mend")


async def forward(phone: Rapport, ms: int) -> None:
    """Sets the clock of a phone in memory forward, as time without contact does; the server's has its own."""
    await phone.client.forward_clock(timedelta(milliseconds=ms))


async def quiesce(*phones: Rapport) -> None:
    """Syncs phones until nobody has anything left to say: all edits are everywhere, or drafts."""
    for _ in range(_QUIET_AFTER):
        waiting = 0
        for phone in phones:
            await phone.sync()
            waiting += (await phone.status()).waiting
        if waiting == 0:
            # Once more: what the last one sent is for the first ones.
            for phone in phones:
                await phone.sync()
            return
    raise RuntimeError(f"the phones still have something to say after {_QUIET_AFTER} exchanges")
