"""The whole surface, against the real server."""

import asyncio
import json
from datetime import datetime, timedelta, timezone

import pytest

from rapport import (
    CancelHandle, CheckName, ClientError, Edits, Keep, Network, Presence, Rapport, Reach, SendState, SyncOutcome, SyncPhase, TimeStep, Whose,
    offered, plain, read_invitation, value,
)
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


async def test_a_customer_that_is_typed_a_second_time_is_found_and_merged_as_people_choose(kit):
    ann = await kit.phone("ann")
    known = await named(ann, source="fair")
    async with ann.transaction() as tx:
        tx.edit(known).set_row("phones", "r1", value="138 1234 5678")
    typed = Edits().set(name="Nanhu").set_row("phones", "r1", value="+86 13812345678")
    likely = await ann.likely_duplicates("party", typed)
    assert [(one.record.id, one.percent >= 50, one.reasons[0].en) for one in likely] == [(known, True, "same phone number: +8613812345678")]
    other = await named(ann, "Nanhu", source="web", industry="print")
    async with ann.transaction() as tx:
        deal = tx.create("deal", title="Paper", party=other)
    choices = {choice.field: choice for choice in await ann.merge_choices(other, known)}
    assert (choices["name"].keep, plain(choices["name"].own), plain(choices["name"].other)) == ([Keep.OWN, Keep.OTHER], "佳美", "Nanhu")
    await ann.merge(other, known, source=Keep.OTHER)
    assert ((await ann.get(other)).merged_into, [row.id for row in await ann.links_to(known)]) == (known, [deal])
    merged = await fields(ann, known)
    assert (merged["name"], merged["source"], merged["industry"]) == ("佳美", "web", "print")
    await ann.undo()
    assert (await ann.get(other)).merged_into is None
    await ann.set_apart(other, known)
    with pytest.raises(ClientError.BadArgument):
        await ann.merge(deal, deal)


async def test_what_stands_beside_a_record_is_worked_out_on_the_phone(kit):
    # Products and their packages are the office's.
    set_to = lambda field, value: {"op": "set", "field": field, "value": value}
    ink = kit.create_as("office", "product", set_to("name", "Ink"))
    part = {"op": "set_row", "field": "parts", "row": "p1", "values": {"product": ink, "quantity": 3}}
    kit_of_ink = kit.create_as("office", "product", set_to("name", "Box of ink"), part)
    ann = await kit.phone("ann")
    await ann.sync()
    kit.cut()
    customer = await named(ann, preferences=["green tea"])
    async with ann.transaction() as tx:
        order = tx.create("offer", title="Order", form="order", status="signed", party=customer)
        tx.edit(order).set_row("lines", "l1", product=kit_of_ink, quantity=2)
        call = tx.create("activity", subject="Call back", type="call", due=1_588_464_000_000, about=[customer])
        tx.create("activity", subject="Later", due=3_797_452_800_000, about=[customer])
        tx.create("activity", subject="Rang", type="call", status="done", about=[customer])
    step = (await ann.next_steps([customer, order]))[customer]
    assert (step.activity, step.title, step.due.at.year, step.tone.name) == (call, "Call back", 2020, "LATE")
    lines = {line.name: line.says[0] for line in await ann.portrait(customer)}
    assert (lines["products"].what.title, lines["products"].evidence) == ("Box of ink", [order])
    assert (plain(lines["preferences"].what.value), lines["channel"].what.label.zh) == ("green tea", "电话")
    package = (await ann.packages(order))[0]
    assert (package.title, package.quantity, [(part.title, part.quantity, part.depth) for part in package.parts]) == ("Box of ink", 2, [("Ink", 6, 1)])
    assert "\r\nFN:佳美\r\n" in await ann.card(customer) and await ann.card(order) is None
    slip = Edits().set(tax_id="91350100M000100Y34").set_row("phones", "r9", value="8888 1234")
    doubts = {doubt.field: doubt for doubt in await ann.doubts_in("party", slip)}
    assert (doubts["tax_id"].code, doubts["tax_id"].row, doubts["phones"].row, doubts["phones"].part) == ("credit_code", None, "r9", "value")
    assert (await ann.doubts(customer), [doubt.words.zh for doubt in await ann.doubts(customer, slip)][0][:4]) == ([], "缺少区号")
    assert (await ann.dialled("138 1234 5678"), await ann.dialled("8888 1234")) == ("+8613812345678", None)


async def test_deals_are_counted_and_added_up_without_a_network(kit):
    ann = await kit.phone("ann")
    rate = {"currency": "EUR", "rate": 8, "from": "2020-01-01"}
    kit.create_as("office", "rate", *({"op": "set", "field": field, "value": value} for field, value in rate.items()))
    await ann.sync()
    kit.cut()
    customer = await named(ann)
    async with ann.transaction() as tx:
        tx.create("deal", title="Lamps", stage="proposal", party=customer, close_date="2026-05-03", amount={"amount": 300_001, "currency": "CNY"})
        tx.create("deal", title="Desks", stage="proposal", party=customer, close_date="2026-05-04", amount={"amount": 50_000, "currency": "EUR"})
        tx.create("deal", title="Chairs")
    board = await ann.totals("deal", by="stage", sums=["amount"])
    assert ([(group.key, group.count) for group in board.groups], board.all.count, board.more) == ([("proposal", 2), ("lead", 1)], 3, False)
    amount = board.groups[0].sums["amount"]
    assert [(sum.currency, sum.sum) for sum in amount.by_currency] == [("CNY", "300001"), ("EUR", "50000")]
    assert [(sum.currency, sum.sum) for sum in amount.weighted] == [("CNY", "150001"), ("EUR", "25000")]
    assert (amount.home.currency, amount.home.sum, amount.home.partial) == ("CNY", 700_001, False)
    assert (board.groups[1].sums, board.all.sums["amount"].home) == ({}, amount.home)
    customers = await ann.totals("deal", by="party")
    assert [(group.key, group.title, group.count) for group in customers.groups] == [(customer, "佳美", 2), (None, None, 1)]
    async def spans(step):
        return [(group.key, group.count) for group in (await ann.totals("deal", by="close_date", step=step)).groups]
    assert await spans(None) == [("2026-05", 2), (None, 1)]
    assert await spans(TimeStep.WEEK) == [("2026-04-27", 1), ("2026-05-04", 1), (None, 1)]
    found = await ann.totals("deal", where=[{"type": "equals", "attribute": "title", "value": "lamps"}])
    assert [(group.key, group.count) for group in found.groups] == [(None, 1)]
    assert (await ann.totals("deal", where=[{"type": "isTrue", "attribute": "archived"}])).all.count == 0
    for wrong in ({"by": "tags"}, {"by": "stag"}, {"sums": ["title"]}, {"sums": ["amonut"]}, {"sums": ["amount"] * 5}):
        with pytest.raises(ClientError.BadArgument) as refused:
            await ann.totals("deal", **wrong)
    assert "at most 4" in refused.value.detail


async def test_kinds_say_enough_to_draw_an_app_from(kit):
    ann = await kit.phone("ann")
    kinds = {kind.name: kind for kind in await ann.kinds()}
    deal = {field.name: field for field in kinds["deal"].fields}
    board = kinds["deal"].board
    assert (board.by, board.sum, [column.state.name for column in board.columns][-2:]) == ("stage", "amount", ["WON", "LOST"])
    assert (deal["stage"].default, deal["party"].tap.name, deal["stage_due"].computed) == ("lead", "OPEN", True)
    assert kinds["case"].belongs_to == "party" and kinds["party"].can_merge
    page = await ann.list("deal", where=json.loads(kinds["deal"].gaps[0].filter))
    assert page.total == 0
    # What nobody chooses any more is marked, and refused when it is written.
    view = {field.name: field for field in kinds["view"].fields}
    layout = next(field for field in view.values() if any(option.hidden for option in field.options))
    hidden = next(option for option in layout.options if option.hidden)
    assert hidden.label.zh and hidden.value not in [option.value for option in offered(layout)]
    with pytest.raises(ClientError.Refused):
        async with ann.transaction() as tx:
            tx.create("view", name="Near me", **{layout.name: hidden.value})
