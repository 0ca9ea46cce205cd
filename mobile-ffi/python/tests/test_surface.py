"""The whole surface, against the real server."""

import asyncio
import json
from datetime import datetime, timedelta, timezone

import pytest

from rapport import CancelHandle, CheckName, ClientError, Network, Presence, Rapport, Reach, SendState, SyncOutcome, SyncPhase, Whose, plain, read_invitation, value
from rapport.kinds import Deal, DealEdits, Money, Party, PartyEdits
from rapport.testkit import quiesce


async def named(phone, name="佳美", **fields):
    async with phone.transaction() as tx:
        return tx.create("party", name=name, **fields)


async def fields(phone, record):
    return {name: plain(held) for name, held in (await phone.get(record)).fields.items()}


async def test_a_phone_is_enrolled_edits_offline_and_syncs(kit):
    kit.person("ann", "rep")
    ann = await Rapport.open_in_memory(server=kit.url, app="pytest 1")
    assert await ann.session() is None
    session = await ann.enrol(kit.code("ann"), "Ann's phone")
    assert (session.role, await ann.session()) == ("rep", session)
    customer = await named(ann)
    row = await ann.get(customer)
    assert (row.title, row.kind, row.state, row.archived, row.conflicts) == ("佳美", "party", SendState.WAITING, False, 0)
    assert abs(row.created_at - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert await ann.sync() == SyncOutcome.DONE()
    assert (await ann.get(customer)).state == SendState.SENT


async def test_a_square_that_is_scanned_says_where_and_with_what_to_enrol(kit):
    kit.person("ann", "rep")
    invitation = read_invitation(f"rapport:enrol?code={kit.code('ann')}&server={kit.url}")
    ann = await Rapport.open_in_memory(server=invitation.server, app="pytest 1")
    assert (await ann.enrol(invitation.code, "Ann's phone")).role == "rep"
    with pytest.raises(ClientError.BadArgument) as other:
        read_invitation("https://example.com/menu.pdf")
    assert "scan the square" in other.value.detail


async def test_a_transaction_is_kept_as_a_whole_or_not_at_all(kit):
    ann = await kit.phone("ann")
    async with ann.transaction() as tx:
        customer = tx.create("party", name="佳美")
        tx.edit(customer).add("tags", "vip").set_row("phones", "r1", label="Office", value="+86 10 1").splice("notes", 0, 0, "Call")
        deal = tx.create("deal", title="Paper", amount={"amount": 1250000, "currency": "CNY"})
        tx.edit(deal).set(party=customer)
    assert [receipt.changed for receipt in tx.receipts] == [True, True]
    assert (await fields(ann, customer))["phones"] == [{"id": "r1", "label": "Office", "value": "+86 10 1"}]
    assert [row.id for row in await ann.links_to(customer)] == [deal]
    with pytest.raises(ClientError.Refused) as refused:
        async with ann.transaction() as tx:
            tx.edit(customer).set(industry="print")
            tx.edit(deal).set(no_such="x")
    assert (refused.value.code, refused.value.field) == ("unknown_field", "no_such")
    with pytest.raises(ZeroDivisionError):
        async with ann.transaction() as tx:
            tx.edit(customer).set(industry="print")
            1 / 0
    assert "industry" not in await fields(ann, customer)
    assert [row.kind for row in await ann.get_many([deal, customer])] == ["deal", "party"]


async def test_a_watched_list_follows_and_ends(kit):
    ann = await kit.phone("ann")
    await named(ann, "Zeta")
    seen = []
    async for rows in ann.watch("party", order_by="name", limit=10):
        seen.append([row.title for row in rows])
        if len(seen) == 1:
            alpha = await named(ann, "Alpha")
        elif len(seen) == 2:
            async with ann.transaction() as tx:
                tx.edit(alpha).set(name="Zz")
        elif len(seen) == 3:
            async with ann.transaction() as tx:
                tx.create("party", name="Last")
        else:
            break
    assert seen == [["Zeta"], ["Alpha", "Zeta"], ["Zeta", "Zz"], ["Last", "Zeta", "Zz"]]
    page = await ann.list("party", order_by="name", limit=2)
    rest = await ann.list("party", order_by="name", limit=2, after=page.next)
    assert ([row.title for row in page.rows + rest.rows], page.total, rest.next) == (["Last", "Zeta", "Zz"], 3, None)


async def test_search_finds_both_languages_and_shows_where(kit):
    ann = await kit.phone("ann")
    await named(ann, "上海佳美", notes="Prefers green tea")
    for asked, hits in [("佳美", ["佳美"]), ("jm", ["佳美"]), ("green", [])]:
        found = (await ann.search(asked, "party"))[0]
        assert [piece.text for piece in found.title if piece.hit] == hits
    assert (found.field, [piece.text for piece in found.snippet if piece.hit]) == ("notes", ["green"])


async def test_a_disagreement_is_decided(kit):
    ann, bo = await kit.pair("ann")
    customer = await named(ann)
    await quiesce(ann, bo)
    for phone, name in [(ann, "A"), (bo, "B")]:
        async with phone.transaction() as tx:
            tx.edit(customer).set(name=name)
    await quiesce(ann, bo)
    conflict = (await ann.conflicts())[0]
    assert sorted((plain(claim.value), claim.mine) for claim in conflict.claims) == [("A", True), ("B", False)]
    await ann.resolve(customer, conflict.path, value("C"))
    await quiesce(ann, bo)
    assert (await bo.conflicts(), (await bo.get(customer)).title) == ([], "C")


async def test_a_refused_edit_is_amended_or_given_up(kit):
    ann = await kit.phone("ann")
    customer = await named(ann)
    await quiesce(ann)
    for amend in [True, False]:
        kit.reject_next("ann", detail="not this one")
        async with ann.transaction() as tx:
            tx.edit(customer).set(industry="print")
        await quiesce(ann)
        assert (await ann.get(customer)).state == SendState.NOT_ACCEPTED
        draft = (await ann.drafts())[0]
        assert (draft.code, draft.detail, draft.edits[0].field) == ("forbidden", "not this one", "industry")
        if amend:
            await ann.retry_draft(draft.id, None)
        else:
            await ann.discard_draft(draft.id)
        await quiesce(ann)
        assert await ann.drafts() == []
    assert (await fields(ann, customer))["industry"] == "print"


async def test_undo_redo_history_and_the_record_at_a_version(kit):
    ann = await kit.phone("ann")
    customer = await named(ann)
    async with ann.transaction() as tx:
        tx.edit(customer).set(name="mistake").add("tags", "vip")
    await ann.undo()
    assert ((await ann.get(customer)).title, (await ann.steps()).redo) == ("佳美", 1)
    await ann.redo()
    history = await ann.history(customer)
    names = [(plain(change.old), plain(change.new)) for change in history if change.field == "name"]
    assert names == [(None, "佳美"), ("佳美", "mistake"), ("mistake", "佳美"), ("佳美", "mistake")]
    assert plain((await ann.record_at(customer, history[0].version))["name"]) == "佳美"


async def test_the_status_is_a_value_that_changes(kit):
    ann = await kit.phone("ann")
    phases = []
    async for status in ann.statuses():
        phases.append(status.phase)
        if len(phases) == 1:
            await ann.connect()
        if status.phase == SyncPhase.CURRENT():
            break
    assert phases[0] == SyncPhase.OFFLINE()
    await named(ann)
    await ann.wait_current(None)
    ann.set_network(Network.OFFLINE)
    async for status in ann.statuses():
        if status.phase == SyncPhase.OFFLINE():
            break
    ann.set_network(Network.ONLINE)
    ann.set_foreground(True)
    await ann.wait_current(None)
    await ann.disconnect()


async def test_a_budget_and_a_handle_end_a_sync(kit):
    ann = await kit.phone("ann")
    await named(ann)
    assert await ann.sync(bytes=0) == SyncOutcome.OUT_OF_BUDGET(1, 0)
    assert await ann.sync(time=timedelta(0)) == SyncOutcome.OUT_OF_BUDGET(1, 0)
    cancel = CancelHandle()
    cancel.cancel()
    with pytest.raises(ClientError.Cancelled):
        await ann.sync(cancel=cancel)
    assert await ann.sync() == SyncOutcome.DONE()


async def test_explain_alarms_doctor_diagnostics_and_kinds(kit):
    ann = await kit.phone("ann")
    customer = await named(ann, "canary 佳美")
    assert (await ann.explain(customer)).is_HERE()
    assert await ann.explain(kit.create_as("office", "party", {"op": "set", "field": "name", "value": "x"})) == Presence.NOT_FOR_YOU()
    rights = {right.kind: right for right in await ann.rights()}
    party, offer = rights["party"], rights["offer"]
    assert (party.see, party.archive, party.locked) == (Reach.ALL, Reach.OWN, ["is_key", "account_manager"])
    assert [part.zh for part in party.hidden] == ["商务", "个人隐私"]
    assert any("needs approval" in said.en and "审批" in said.zh for said in offer.said)
    at = int((datetime.now(timezone.utc) + timedelta(hours=1)).timestamp() * 1000)
    async with ann.transaction() as tx:
        call = tx.create("activity", subject="Call back")
        tx.edit(call).set_row("reminders", "r1", at=at)
    assert [(alarm.record, alarm.title) for alarm in await ann.upcoming_alarms(60)] == [(call, "Call back")]
    assert all(check.good for check in await ann.doctor())
    report = await ann.diagnostics()
    assert json.loads(report)["records"]["party"] == 1 and "canary" not in report
    party = next(kind for kind in await ann.kinds() if kind.name == "party")
    assert (party.label.zh, party.fields[0].name) == ("客户", "name") or party.title == "name"
    kit.cut()
    assert [check.name for check in await ann.doctor() if not check.good] == [CheckName.SERVER]


async def test_who_works_with_a_key_customer_is_told_whose_it_is(kit):
    mia, ann = kit.person("mia", "manager"), await kit.phone("ann")
    set_to = lambda field, value: {"op": "set", "field": field, "value": value}
    customer = kit.create_as("office", "party", set_to("name", "佳美"), set_to("is_key", True), set_to("account_manager", mia))
    await ann.sync()
    async with ann.transaction() as tx:
        quote = tx.create("offer", title="Lamps", party=customer)
    for record in (customer, quote):
        banner = await ann.key_account(record)
        assert (banner.account, banner.title, banner.manager, banner.yours) == (customer, "佳美", mia, False)
    assert await ann.key_account(await named(ann)) is None


async def test_phones_follow_the_servers_clock(kit):
    ann = await kit.phone("ann")
    kit.forward(30 * 86_400_000)
    await quiesce(ann)
    made = (await ann.get(await named(ann))).created_at
    assert made > datetime.now(timezone.utc) + timedelta(days=29)


async def test_two_phones_in_one_process_do_not_disturb_each_other(kit):
    ann, bo = await kit.phone("ann"), await kit.phone("bo")
    await asyncio.gather(*[named(phone, f"customer {number}") for number in range(20) for phone in (ann, bo)])
    await asyncio.gather(ann.sync(), bo.sync())
    assert ((await ann.status()).waiting, (await bo.status()).waiting) == (0, 0)


async def test_the_kinds_have_names_of_their_own(kit):
    ann = await kit.phone("ann")
    async with ann.transaction() as tx:
        customer = tx.create_as(PartyEdits().name("佳美").add_to_tags("vip").set_in_phones("r1", label="Office", value="+86 10 1"))
        deal = tx.create_as(DealEdits().title("Paper").party(customer).amount(Money(1_250_000, "CNY")))
    party = Party(await ann.get(customer))
    assert (party.name, party.tags, party.phones[0]["label"]) == ("佳美", ["vip"], "Office")
    assert Deal(await ann.get(deal)).amount == Money(1_250_000, "CNY")
    with pytest.raises(ValueError):
        Deal(await ann.get(customer))


async def test_a_file_hangs_on_a_visit_and_is_exported_on_request(kit, tmp_path):
    ann = await kit.phone("ann")
    async with ann.transaction() as tx:
        visit = tx.create("activity", subject="Visit", type="visit", status="done")
    signature = b"\x89PNG\r\n signed"
    file = await ann.attach_bytes(visit, "signature.png", "image/png", signature)
    found = (await ann.attachments(visit))[0]
    assert (found.id, found.name, found.size, found.has_thumbnail) == (file, "signature.png", len(signature), True)
    await ann.sync()
    moving = [now async for now in first(ann.transfers())]
    assert moving == [[]]
    await ann.export_attachment(file, str(tmp_path / "out.png"))
    assert (tmp_path / "out.png").read_bytes() == signature
    await ann.free_space(0)
    assert (await ann.attachment(file)).state.is_ELSEWHERE()
    with pytest.raises(ClientError.NotFound):
        await ann.export_attachment(file, str(tmp_path / "again.png"))
    assert await ann.thumbnail(file) == signature, "fetched again, as there is a network"


async def first(stream):
    async for one in stream:
        yield one
        break


async def test_a_connected_phone_brings_what_it_is_asked_to_hold_and_takes_away_the_rest(kit):
    ann = await kit.phone("ann")
    known, other = [kit.create_as("office", "party", {"op": "set", "field": "name", "value": name}) for name in ("佳美", "安达")]
    await ann.unsubscribe(Whose.EVERYONE())
    await ann.connect()
    await ann.wait_current(None)
    assert await ann.get(known) is None
    assert (await ann.estimate(Whose.CUSTOMER(known))).records == 1
    await ann.subscribe(Whose.CUSTOMER(known))
    await ann.wait_current(None)
    assert (await ann.get(known)).title == "佳美"
    assert await ann.get(other) is None
    await ann.unsubscribe(Whose.CUSTOMER(known))
    await ann.wait_current(None)
    assert await ann.get(known) is None
