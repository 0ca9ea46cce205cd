"""What the back office decides about phones: locked after too long alone, let in by fingerprint, sent away."""

import asyncio

import pytest

from rapport import ClientError, Rapport, StopReason, plain
from rapport.testkit import forward, quiesce

DAY = 86_400_000


async def customer(phone, name="佳美"):
    async with phone.transaction() as tx:
        return tx.create("party", name=name)


async def test_a_phone_too_long_without_contact_locks_and_unlocks_with_everything_at_the_next(kit):
    ann, bo = await kit.phone("ann"), await kit.phone("bo")
    kit.terms(lease_days=7)
    record = await customer(ann)
    await quiesce(ann, bo)
    kit.cut()
    await forward(ann, 6 * DAY)
    async with ann.transaction() as tx:
        tx.edit(record).set(industry="print")
    await forward(ann, 2 * DAY)
    for _ in range(2):
        with pytest.raises(ClientError.Locked):
            await ann.get(record)
        with pytest.raises(ClientError.Locked):
            await ann.list("party")
        with pytest.raises(ClientError.Locked):
            await ann.search("jiamei")
        with pytest.raises(ClientError.Locked):
            await customer(ann, "written while locked")
        with pytest.raises(ClientError.Offline):
            await ann.sync()
    with pytest.raises(ClientError.Unsent):
        await ann.sign_out(False)
    assert (await ann.status()).waiting == 1
    kit.forward(8 * DAY)
    kit.mend()
    await quiesce(ann, bo)
    assert (await ann.get(record)).title == "佳美"
    assert plain((await bo.get(record)).fields["industry"]) == "print"
    assert (await bo.list("party")).total == 1, "what was refused while it was locked was written nowhere"


async def test_a_clock_that_is_not_a_tests_is_not_set(opened):
    phone = await opened()
    with pytest.raises(ClientError.BadArgument):
        await forward(phone, DAY)
    await phone.shutdown()


async def test_a_phone_that_waits_shows_its_fingerprint_and_syncs_once_it_was_compared(kit):
    kit.person("ann")
    kit.terms(confirm=True)
    ann = await Rapport.open_in_memory(server=kit.url, app="pytest 1")
    assert await ann.fingerprint() is None
    await ann.enrol(kit.code("ann"), "phone")
    shown = await ann.fingerprint()
    assert len([digit for digit in shown if digit.isdigit()]) == 8
    record = await customer(ann)
    for _ in range(2):
        with pytest.raises(ClientError.Server) as waits:
            await ann.sync()
        assert (waits.value.status, waits.value.code) == (403, "not_confirmed")
    with pytest.raises(RuntimeError, match="no phone that waits shows"):
        kit.confirm("0000 0000")
    kit.confirm(shown)
    await quiesce(ann)
    assert ((await ann.status()).waiting, (await ann.get(record)).title) == (0, "佳美")


@pytest.mark.parametrize(("act", "unsent"), [("lost", 1), ("hand_back", 0)])
async def test_a_phone_sent_away_destroys_its_key_first_says_so_and_starts_clean(kit, opened, secrets, tmp_path, act, unsent):
    store = tmp_path / "store" / "rapport.db"

    class Watching(type(secrets)):
        """Notes what was there when the key went."""

        def remove(self, name):
            self.there = store.exists() if name == "rapport.store-key" else getattr(self, "there", None)
            super().remove(name)

    watching = Watching()
    kit.person("ann")
    ann = await opened(server=kit.url, secrets=watching)
    await ann.enrol(kit.code("ann"), "phone")
    await customer(ann)
    await quiesce(ann)
    await customer(ann, "not sent")
    key = watching.kept["rapport.store-key"]
    kit.send_away("ann", act)
    assert [receipt for receipt in kit.receipts("ann") if receipt["removal"] == "wiped"] == []
    with pytest.raises(ClientError.Stopped) as stopped:
        await ann.sync()
    assert stopped.value.reason == StopReason.WIPED
    # The key went while the file was there; then the file, and the server knows.
    assert watching.there is True
    assert ("rapport.store-key" in watching.kept, "rapport.wiping" in watching.kept) == (False, False)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    [receipt] = [receipt for receipt in kit.receipts("ann") if receipt["removal"] == "wiped"]
    assert (receipt["records"] > 0, receipt["unsent"]) == (True, unsent)
    for call in [ann.session, ann.status, ann.sync]:
        with pytest.raises(ClientError.Closed):
            await call()
    # The app starts again: an empty store under another key, to be enrolled anew.
    again = await opened(server=kit.url, secrets=watching)
    assert (await again.session(), watching.kept["rapport.store-key"] != key) == (None, True)
    await again.enrol(kit.code("ann"), "phone")
    await quiesce(again)
    titles = sorted(record.title for record in (await again.list("party")).rows)
    assert titles == ["佳美"], "what was delivered waits at the desk"
    await again.shutdown()


async def test_a_receipt_that_was_not_heard_is_delivered_when_the_app_starts_next(kit, opened, secrets, tmp_path):
    class Cutting(type(secrets)):
        """The network goes with the key."""

        def remove(self, name):
            if name == "rapport.store-key":
                kit.cut()
            super().remove(name)

    cutting = Cutting()
    kit.person("ann")
    ann = await opened(server=kit.url, secrets=cutting)
    await ann.enrol(kit.code("ann"), "phone")
    await customer(ann)
    await quiesce(ann)
    kit.send_away("ann")
    with pytest.raises(ClientError.Stopped):
        await ann.sync()
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    assert ("rapport.store-key" in cutting.kept, "rapport.farewell" in cutting.kept) == (False, True)
    assert "佳美".encode() not in cutting.kept["rapport.farewell"]
    assert [receipt for receipt in kit.receipts("ann") if receipt["removal"] == "wiped"] == []
    kit.mend()
    again = await opened(server=kit.url, secrets=cutting)
    for _ in range(200):
        if "rapport.farewell" not in cutting.kept:
            break
        await asyncio.sleep(0.05)
    assert "rapport.farewell" not in cutting.kept
    assert len([receipt for receipt in kit.receipts("ann") if receipt["removal"] == "wiped"]) == 1
    await again.shutdown()


async def test_a_phone_sent_away_while_it_is_connected_is_wiped_at_once(kit, opened, secrets, tmp_path):
    kit.person("ann")
    ann = await opened(server=kit.url)
    await ann.enrol(kit.code("ann"), "phone")
    await customer(ann)
    await quiesce(ann)
    await ann.connect()
    await ann.wait_current(None)
    kit.send_away("ann")
    # The stream ends with the client.
    async for status in ann.statuses():
        assert not status.phase.is_NOT_ENROLLED()
    for _ in range(200):
        if any(receipt["removal"] == "wiped" for receipt in kit.receipts("ann")):
            break
        await asyncio.sleep(0.05)
    assert "rapport.store-key" not in secrets.kept
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


async def test_a_phone_that_was_shut_out_hears_a_later_word_without_a_restart(kit, opened, secrets):
    kit.person("ann")
    ann = await opened(server=kit.url)
    await ann.enrol(kit.code("ann"), "phone")
    await customer(ann)
    await quiesce(ann)
    kit.revoke_devices("ann")
    for _ in range(2):
        with pytest.raises(ClientError.Stopped) as stopped:
            await ann.sync()
        assert stopped.value.reason == StopReason.REVOKED
    kit.send_away("ann", "lost")
    with pytest.raises(ClientError.Stopped) as stopped:
        await ann.sync()
    assert stopped.value.reason == StopReason.WIPED
    assert "rapport.store-key" not in secrets.kept
