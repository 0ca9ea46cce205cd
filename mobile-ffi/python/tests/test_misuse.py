"""What apps do wrong, and what phones go through: a typed error or a clean recovery."""

import asyncio
import gc
import resource
import time

import pytest

from rapport import ClientError, FieldEdit, ListQuery, Rapport, RecordEdit, StopReason, new_record_id, plain, value
from rapport.testkit import TestKit, quiesce


async def named(phone, name="佳美"):
    async with phone.transaction() as tx:
        return tx.create("party", name=name)


async def test_a_default_is_given_once_and_never_over_what_the_same_transaction_says(kit):
    ann, deal = await kit.phone("ann"), new_record_id()
    won = [FieldEdit.SET("title", value("Lamps")), FieldEdit.SET("stage", value("won"))]
    more = [FieldEdit.SET("source", value("fair"))]
    await ann.client.transact([RecordEdit(record=deal, kind="deal", edits=edits, makes=True) for edits in (won, more)])
    assert plain((await ann.get(deal)).fields["stage"]) == "won"
    async with ann.transaction() as tx:
        other = tx.create("deal", title="Chairs")
    assert plain((await ann.get(other)).fields["stage"]) == "lead"


async def test_a_closed_client_says_so_and_ends_its_streams(kit):
    ann = await kit.phone("ann")
    watched = await ann.client.watch(ListQuery(kind="party"))
    await watched.next()
    waiting = asyncio.create_task(watched.next())
    await asyncio.sleep(0)
    await ann.shutdown()
    assert await waiting is None
    await ann.shutdown()
    for call in [ann.status(), ann.get("x"), ann.sync(), ann.connect(), ann.list("party"), ann.wipe()]:
        with pytest.raises((ClientError.Closed, ClientError.BadArgument)):
            await call
    with pytest.raises(ClientError.Closed):
        ann.set_foreground(True)


async def test_a_cancelled_task_frees_the_client_and_loses_no_update(kit):
    ann = await kit.phone("ann")
    watched = await ann.client.watch(ListQuery(kind="party"))
    await watched.next()
    for number in range(1, 6):
        waiting = asyncio.create_task(watched.next())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await named(ann)
        update = await watched.next()
        assert update.total == number and update.is_RESET(), "after a call that was given up the list begins anew"
    stuck = asyncio.create_task(ann.wait_current(None))
    await asyncio.sleep(0.01)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    await ann.sync()
    assert (await ann.status()).waiting == 0


async def test_a_server_that_is_gone_is_an_error_and_nothing_is_lost():
    with TestKit() as kit:
        ann = await kit.phone("ann")
        customer = await named(ann)
        await ann.connect()
    with pytest.raises(ClientError.Offline):
        await ann.sync()
    assert ((await ann.get(customer)).title, (await ann.status()).waiting) in [("佳美", 1), ("佳美", 0)]
    with pytest.raises(ClientError.Offline):
        await (await Rapport.open_in_memory(server="http://127.0.0.1:9", app="x")).enrol("AAAA-BBBB-CCCC", "phone")


async def test_a_device_that_is_shut_out_keeps_unsent_edits(kit):
    ann = await kit.phone("ann")
    await ann.connect()
    await ann.wait_current(None)
    kit.revoke_devices("ann")
    with pytest.raises(ClientError.Stopped) as stopped:
        while True:
            await ann.wait_current(None)
            await asyncio.sleep(0.01)
    assert stopped.value.reason == StopReason.REVOKED
    await named(ann)
    assert (await ann.status()).waiting == 1
    # Its owner may come back: with a new code, and what was not sent is sent.
    await ann.enrol(kit.code("ann"), "phone")
    await quiesce(ann)
    assert (await ann.status()).waiting == 0


async def test_arguments_that_are_wrong_are_named(kit):
    ann = await kit.phone("ann")
    cases = [
        (ann.get("no id"), "is not a record's id"),
        (ann.list("nosuch"), "there is no kind `nosuch`"),
        (ann.list("party", where=[{"type": "near"}]), "near"),
        (ann.list("party", limit=1000), "1 to"),
        (ann.record_at(await named(ann), "x"), "is not a version"),
    ]
    for call, said in cases:
        with pytest.raises(ClientError.BadArgument) as error:
            await call
        assert said in error.value.detail
    with pytest.raises(TypeError):
        async with ann.transaction() as tx:
            tx.create("party", name=object())
    with pytest.raises(ClientError.NotFound):
        await ann.discard_draft(7)
    with pytest.raises(ClientError.NotUndoable):
        await (await kit.phone("bo")).undo()


async def test_ten_thousand_calls_leak_nothing(kit):
    ann = await kit.phone("ann")
    customer = await named(ann)

    async def calls(count):
        for _ in range(count):
            await ann.get(customer)
        watched = await ann.client.watch(ListQuery(kind="party"))
        await watched.next()
        watched.stop()
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = await calls(3_000)
    after = await calls(10_000)
    assert after - before < 8 * 1024, f"{after - before} KiB more after 10,000 calls"


async def test_a_mistake_of_ours_is_an_error_with_a_number_and_harms_nothing(kit):
    ann = await kit.phone("ann")
    customer = await named(ann)
    for _ in range(2):
        with pytest.raises(ClientError.Internal) as failed:
            await ann.crash_test()
        assert (len(failed.value.report), failed.value.detail) == (8, "a crash test, as asked for")
    async with ann.transaction() as tx:
        tx.edit(customer).set(name="佳美办公")
    assert (await ann.get(customer)).title == "佳美办公"


async def test_a_store_a_hundred_times_larger_opens_and_shows_its_first_page_nearly_as_quickly(kit, opened):
    kit.person("ann")
    ann = await opened(server=kit.url)
    await ann.enrol(kit.code("ann"), "phone")

    async def fill(hundreds):
        for hundred in hundreds:
            async with ann.transaction() as tx:
                for one in range(100):
                    tx.create("party", name=f"customer {hundred * 100 + one}", industry="print")
        await ann.shutdown()

    async def best(total):
        took = []
        for _ in range(5):
            began = time.perf_counter()
            again = await opened()
            page = await again.list("party", order_by="name", limit=50)
            took.append(time.perf_counter() - began)
            assert (len(page.rows), page.total) == (50, total)
            await again.shutdown()
        return min(took)

    await fill(range(1))
    small = await best(100)
    ann = await opened()
    await fill(range(1, 100))
    large = await best(10_000)
    # A share of a hundred, on whatever machine: who reads every record takes a hundred times as long.
    assert large < 20 * small, (small, large)
