"""A client that was generated from the document: create, list with a filter, edit, conflict, batch, a kind of one's own."""

import json
import os
import uuid

from rapport_client import AuthenticatedClient
from rapport_client.api.machine import create_machine, list_machine
from rapport_client.api.party import batch_party, create_party, edit_party, get_party, list_party, search_party
from rapport_client.models import (
    MachineNew,
    MachineNewFields,
    PartyBatch,
    PartyBatchItemsItem,
    PartyChanges,
    PartyNew,
    PartyNewFields,
    Search,
    SearchFilter,
    SearchFilterGroupsItem,
    SearchFilterOperator,
    SetField,
)

client = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_TOKEN"])


def setting(field, value):
    return PartyChanges(edits=[SetField(op="set", field=field, value=value)])


def equal(industry):
    condition = SearchFilter(property_name="industry", operator=SearchFilterOperator.EQ, value=industry)
    return Search(filter_groups=[SearchFilterGroupsItem(filters=[condition])])


def main():
    # Create; the same id again is a conflict.
    own = uuid.uuid4()
    new = PartyNew(id=own, fields=PartyNewFields(name="Printing house", industry="print", external_id="P-1"))
    made = create_party.sync_detailed(client=client, body=new)
    assert made.status_code == 201 and made.parsed.fields.name == "Printing house", made
    assert create_party.sync_detailed(client=client, body=new).status_code == 409

    # List with a filter, and the same by groups.
    where = json.dumps([{"type": "equals", "attribute": "industry", "value": "print"}])
    page = list_party.sync(client=client, where=where, total=True)
    assert [row.id for row in page.rows] == [own] and page.total == 1, page
    assert [row.id for row in search_party.sync(client=client, body=equal("print")).rows] == [own]

    # Edit, and edit what has changed meanwhile.
    seen = f'"{made.parsed.version}"'
    edited = edit_party.sync_detailed(own, client=client, body=setting("industry", "retail"), if_match=seen)
    assert edited.status_code == 200 and edited.parsed.fields.industry == "retail", edited
    valued = PartyChanges(fields=PartyNewFields(industry="printing", tags=["paper"]))
    edited = edit_party.sync_detailed(own, client=client, body=valued)
    assert edited.status_code == 200 and edited.parsed.fields.tags == ["paper"], edited
    stale = edit_party.sync_detailed(own, client=client, body=setting("industry", "print"), if_match=seen)
    assert stale.status_code == 412, stale
    wrong = edit_party.sync_detailed(own, client=client, body=setting("no_such_field", 1))
    assert wrong.status_code in (404, 422) and wrong.parsed.detail, wrong

    # Many at once: one is there, one is new; once for each key.
    fields = [PartyNewFields(name="Printing house", external_id="P-1", industry="print"), PartyNewFields(name="Paper mill", external_id="P-2")]
    batch = PartyBatch(items=[PartyBatchItemsItem(fields=one) for one in fields])
    for _ in range(2):
        done = batch_party.sync(client=client, body=batch, idempotency_key="nightly")
        assert [result.status for result in done.results] == ["updated", "created"], done
    assert get_party.sync(own, client=client).fields.industry == "print"

    # A kind of the workspace's own, typed as any other.
    machine = create_machine.sync(client=client, body=MachineNew(fields=MachineNewFields(serial="X1", weight=7, party=own)))
    assert (machine.fields.serial, machine.fields.weight, machine.fields.party) == ("X1", 7, own), machine
    where = json.dumps([{"type": "linkedWith", "attribute": "party", "value": str(own)}])
    assert [row.fields.serial for row in list_machine.sync(client=client, where=where).rows] == ["X1"]
    print("created, listed, edited, refused, batched; a kind of its own, too")


main()
