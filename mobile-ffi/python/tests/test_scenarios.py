"""The scenarios that all languages run, in Python: the same data, the same answers."""

import json
from pathlib import Path

import pytest

from rapport import ClientError, DraftState, FieldEdit, ListQuery, RecordEdit, SendState, Whose, new_record_id, plain, value
from rapport.testkit import quiesce

SCENARIOS = json.loads((Path(__file__).parents[2] / "scenarios" / "scenarios.json").read_text("utf-8"))
STATES = {"Sent": SendState.SENT, "Waiting": SendState.WAITING, "NotAccepted": SendState.NOT_ACCEPTED}


def edits(step):
    def parts(edit):
        return {name: value(of) for name, of in edit["values"].items()}

    made = {
        "set": lambda e: FieldEdit.SET(e["field"], value(e["value"])),
        "add": lambda e: FieldEdit.ADD(e["field"], e["value"]),
        "remove": lambda e: FieldEdit.REMOVE(e["field"], e["value"]),
        "set_row": lambda e: FieldEdit.SET_ROW(e["field"], e["row"], parts(e)),
        "remove_row": lambda e: FieldEdit.REMOVE_ROW(e["field"], e["row"]),
        "splice": lambda e: FieldEdit.SPLICE(e["field"], e["at"], e["delete"], e["insert"]),
    }
    return [made[edit["op"]](edit) for edit in step["edits"]]


def variant(of):
    """`SyncPhase.OFFLINE` as the scenarios write it."""
    return type(of).__name__.split(".")[-1].title()


def in_order(found):
    """A set has no order."""
    return sorted(found, key=json.dumps) if isinstance(found, list) else found


def subscription(step, record):
    """Whose records, of which kinds, for how long."""
    whose = {
        "everyone": Whose.EVERYONE,
        "mine": Whose.MINE,
        "team": Whose.TEAM,
        "territory": lambda: Whose.TERRITORY(step["name"]),
        "customer": lambda: Whose.CUSTOMER(record),
    }[step["whose"]]()
    return whose, step["kinds"], step["days"]


def picture(size):
    """A picture of a size, as far as its first bytes go."""
    return b"\xff\xd8\xff" + bytes(at % 251 for at in range(3, size))


def told(group, field):
    """A group in a line: what it is called, how many records, what a field adds up to."""
    sums = group.sums[field].by_currency if field in group.sums else []
    return " ".join([group.title or group.key or "-", str(group.count), *(f"{sum.sum} {sum.currency}" for sum in sums)])


class Play:
    def __init__(self, kit, folder):
        self.kit, self.folder, self.phones, self.records = kit, folder, {}, {}

    def keep(self, name, size):
        (self.folder / name).write_bytes(picture(size))
        return self.folder / name

    async def step(self, step):
        do, phone = step["do"], self.phones.get(step.get("on"))
        record = self.records.get(step.get("record"))
        match do:
            case "cut" | "mend":
                getattr(self.kit, do)()
            case "quiet":
                await quiesce(*self.phones.values())
            case "reject_next":
                self.kit.reject_next(step["login"], step["code"], step["detail"])
            case "revoke":
                self.kit.revoke_devices(step["login"])
            case "console":
                self.kit.edit_as(step["login"], step["kind"], record, *step["edits"])
            case "create":
                record = self.records[step["as"]] = new_record_id()
                await phone.transact([RecordEdit(record=record, kind=step["kind"], edits=edits(step), makes=True)])
            case "edit":
                await phone.transact([RecordEdit(record=record, kind=None, edits=edits(step))])
            case "sync":
                await phone.sync()
            case "resolve":
                await phone.resolve(record, step["path"], value(step["value"]))
            case "retry":
                await phone.retry_draft((await phone.drafts())[0].id, edits(step))
            case "attach":
                path, small = self.keep(step["name"], step["size"]), picture(step["thumbnail"])
                self.records[step["as"]] = await phone.attach(record, path, media_type=step["media_type"], thumbnail=small)
            case "fetch":
                await phone.fetch_attachment(record)
            case "undo" | "redo":
                await getattr(phone, do)()
            case "merge":
                await phone.merge(record, self.records[step["into"]])
            case "split":
                await phone.split(record)
            case "sign_out":
                await phone.sign_out(step["lose_unsent"])
            case _:
                found = await self.look(phone, record, step)
                assert found == {key: step[key] for key in found}, step

    async def look(self, phone, record, step):
        match step["do"]:
            case "record":
                row = await phone.get(record)
                assert row.state == STATES[step["state"]]
                return {"title": row.title, "conflicts": row.conflicts}
            case "field":
                return {"value": in_order(plain((await phone.get(record)).fields.get(step["field"])))}
            case "conflict":
                found = [conflict for conflict in await phone.conflicts() if (conflict.record, conflict.field) == (record, step["field"])]
                return {"values": in_order([plain(claim.value) for conflict in found for claim in conflict.claims])}
            case "draft":
                draft = (await phone.drafts())[0]
                assert draft.state == DraftState[step["state"].upper()]
                return {"code": draft.code, "detail": draft.detail}
            case "attachment":
                found = await phone.attachment(record)
                return {"name": found.name, "size": found.size, "state": variant(found.state)}
            case "thumbnail":
                assert await phone.thumbnail(record) == picture(step["size"])
                return {}
            case "content":
                assert b"".join([piece async for piece in phone.pieces(record)]) == picture(step["size"])
                return {}
            case "history":
                return {"values": [plain(change.new) for change in await phone.history(record) if change.field == step["field"]]}
            case "likely":
                likely = await phone.likely_duplicates_of(record)
                reasons = [reason.zh for one in likely for reason in one.reasons]
                return {"titles": [one.record.title for one in likely], "reasons": reasons}
            case "together":
                found = await phone.together(record)
                return {"survivor": found.survivor and found.survivor.title, "behind": [row.title for row in found.behind]}
            case "explain":
                return {"presence": variant(await phone.explain(record))}
            case "estimate":
                found = await phone.estimate(*subscription(step, record))
                return {"records": found.records, "files": found.files}
            case "subscribe" | "unsubscribe":
                return {"changed": await getattr(phone, step["do"])(*subscription(step, record))}
            case "subscriptions":
                return {"count": len(await phone.subscriptions())}
            case "status":
                status = await phone.status()
                return {"phase": variant(status.phase), "waiting": status.waiting, "drafts": status.drafts}
            case "list":
                where = None if step["filter"] is None else json.dumps(step["filter"])
                query = ListQuery(kind=step["kind"], filter=where, order_by=step["order_by"])
                return {"titles": [row.title for row in (await phone.client.list(query)).rows]}
            case "totals":
                found = await phone.totals(step["kind"], by=step["by"], sums=[step["sum"]], where=step["filter"])
                return {"groups": [told(group, step["sum"]) for group in found.groups], "all": told(found.all, step["sum"])}
            case "search":
                found = await phone.search(step["text"])
                hits = [piece.text for one in found for piece in one.title if piece.hit]
                return {"titles": [one.record.title for one in found], "hits": hits}
        raise AssertionError(f"unknown step {step}")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
async def test_a_scenario_holds_in_python(kit, tmp_path, scenario):
    play = Play(kit, tmp_path)
    for phone, login in scenario["phones"].items():
        play.phones[phone] = await kit.phone(login)
    for step in scenario["steps"]:
        if "fails" in step:
            with pytest.raises(getattr(ClientError, step["fails"])):
                await play.step(step)
        else:
            await play.step(step)
