"""Rapport in Python: an encrypted store that works offline, lists that stay fresh, edits that are never lost.

    rapport = await Rapport.open(server="https://crm.example", folder="data", app="demo 1", secrets=secrets)
    await rapport.enrol("ABCD-EFGH-…", "my phone")
    async with rapport.transaction() as tx:
        customer = tx.create("party", name="佳美")
        tx.edit(customer).add("tags", "vip")
    async for customers in rapport.watch("party", order_by="name"):
        print([customer.title for customer in customers])

Every call of `Client` is here too: `Rapport` passes on what it does not make nicer itself.
"""

from __future__ import annotations

import atexit
import json
import mimetypes
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ._native import rapport_mobile as ffi
from ._native.rapport_mobile import (
    Attachment,
    AttachmentState,
    Budget,
    CancelHandle,
    CheckName,
    Client,
    ClientError,
    DraftState,
    Estimate,
    FieldEdit,
    Invitation,
    Keep,
    ListQuery,
    ListStep,
    ListUpdate,
    Network,
    NewAttachment,
    OpenError,
    Presence,
    Reach,
    Receipt,
    Record,
    RecordEdit,
    SecretError,
    SecretStore,
    SendState,
    Settings,
    StopReason,
    Subscription,
    SyncOutcome,
    SyncPhase,
    TimeStep,
    TotalsQuery,
    Value,
    Whose,
    new_record_id,
    read_invitation,
    sdk_info,
    set_store_aside,
)

__all__ = [
    "Attachment", "AttachmentState", "Budget", "CancelHandle", "CheckName", "Client", "ClientError", "DraftState", "Edits", "Estimate", "FieldEdit", "Invitation",
    "Keep", "ListQuery", "Network", "NewAttachment", "OpenError", "Presence", "Rapport", "Reach", "Receipt", "Record", "RecordEdit", "SecretError", "SecretStore",
    "SendState", "Settings", "StopReason", "Subscription", "SyncOutcome", "SyncPhase", "TimeStep", "TotalsQuery", "Transaction", "Value", "Whose", "apply", "new_record_id",
    "offered", "plain", "read_invitation", "sdk_info", "set_store_aside", "value",
]

# Python ends a thread that comes back to it after its own end, and the whole process with it.
atexit.register(ffi.end_threads)


def value(of: Any) -> Value:
    """A value that fields take, from an ordinary one; `None` clears."""
    match of:
        case None:
            return Value.EMPTY()
        case bool():
            return Value.FLAG(of)
        case int():
            return Value.WHOLE(of)
        case float():
            return Value.REAL(of)
        case str():
            return Value.TEXT(of)
        case dict():
            return Value.PARTS({name: value(part) for name, part in of.items()})
        case list() | tuple() | set():
            return Value.MANY([value(item) for item in of])
    raise TypeError(f"a field cannot hold {type(of).__name__}")


def plain(of: Value | None) -> Any:
    """An ordinary value from one that a field holds."""
    if of is None or of.is_EMPTY():
        return None
    if of.is_MANY():
        return [plain(item) for item in of.values]
    if of.is_PARTS():
        return {name: plain(part) for name, part in of.values.items()}
    return of.value


def offered(field: ffi.FieldInfo) -> list[ffi.ChoiceInfo]:
    """The options of a field that people may choose; `field.options` has the labels of those that records may still hold, too."""
    return [option for option in field.options if not option.hidden]


class Edits:
    """Edits of one record, in the order they are called."""

    kind: str | None = None

    def __init__(self) -> None:
        self.made: list[FieldEdit] = []

    def _then(self, edit: FieldEdit) -> Edits:
        self.made.append(edit)
        return self

    def set(self, **fields: Any) -> Edits:
        """Writes fields; `None` clears one."""
        for field, of in fields.items():
            self._then(FieldEdit.SET(field, value(of)))
        return self

    def add(self, field: str, element: str) -> Edits:
        """Adds an element to a set."""
        return self._then(FieldEdit.ADD(field, element))

    def remove(self, field: str, element: str) -> Edits:
        """Removes an element from a set."""
        return self._then(FieldEdit.REMOVE(field, element))

    def set_row(self, field: str, row: str, **parts: Any) -> Edits:
        """Makes a row, or writes some of its parts."""
        return self._then(FieldEdit.SET_ROW(field, row, {name: value(of) for name, of in parts.items()}))

    def remove_row(self, field: str, row: str) -> Edits:
        """Removes a row."""
        return self._then(FieldEdit.REMOVE_ROW(field, row))

    def move_row(self, field: str, row: str, after: str | None) -> Edits:
        """Moves a row behind another one, or to the front."""
        return self._then(FieldEdit.MOVE_ROW(field, row, after))

    def append(self, field: str, **parts: Any) -> Edits:
        """Adds an item to a log."""
        return self._then(FieldEdit.APPEND(field, {name: value(of) for name, of in parts.items()}))

    def increment(self, field: str, by: int = 1) -> Edits:
        """Adds to a counter."""
        return self._then(FieldEdit.INCREMENT(field, by))

    def splice(self, field: str, at: int, delete: int, insert: str) -> Edits:
        """Replaces characters of a text."""
        return self._then(FieldEdit.SPLICE(field, at, delete, insert))

    def archive(self) -> Edits:
        """Archives the record: how records are deleted."""
        return self._then(FieldEdit.ARCHIVE())


class Transaction:
    """Edits of several records that are kept as a whole, when the block ends without an error."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._records: list[tuple[str, str | None, Edits]] = []
        self.receipts: list[Receipt] = []

    def create(self, kind: str, **fields: Any) -> str:
        """Makes a record. Answers with its id."""
        record = new_record_id()
        self._records.append((record, kind, Edits().set(**fields)))
        return record

    def create_as(self, edits: Edits) -> str:
        """Makes a record of typed edits: `tx.create_as(PartyEdits().name("佳美"))`. Answers with its id."""
        record = new_record_id()
        self._records.append((record, edits.kind, edits))
        return record

    def edit(self, record: str) -> Edits:
        """Edits a record that is on this device, or was made in this transaction."""
        for known, _, edits in self._records:
            if known == record:
                return edits
        edits = Edits()
        self._records.append((record, None, edits))
        return edits

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None and self._records:
            # Who makes a record says of which kind, and nobody else does.
            edits = [RecordEdit(record=record, kind=kind, edits=edits.made, makes=kind is not None) for record, kind, edits in self._records]
            self.receipts = await self._client.transact(edits)


def apply(rows: list[Record], update: ListUpdate) -> list[Record]:
    """The list after an update of `Client.watch`."""
    if update.is_RESET():
        return list(update.rows)
    rows = list(rows)
    for step in update.steps:
        if step.is_INSERT():
            rows.insert(step.at, step.row)
        elif step.is_UPDATE():
            rows[step.at] = step.row
        elif step.is_MOVE():
            rows.insert(step.to, rows.pop(step._from))
        else:
            rows.pop(step.at)
    return rows


class Rapport:
    """A device with its records. One for each app."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @classmethod
    async def open(cls, *, server: str, folder: str, app: str, secrets: SecretStore, **more: Any) -> Rapport:
        """Opens the app's encrypted store, or makes an empty one; no network is needed."""
        return cls(await Client.open(Settings(server=server, folder=str(folder), app=app, **more), secrets))

    @classmethod
    async def open_in_memory(cls, *, server: str, app: str, **more: Any) -> Rapport:
        """A store in memory: for previews and tests."""
        return cls(await Client.open_in_memory(Settings(server=server, folder="", app=app, **more)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    async def enrol(self, code: str, device_name: str, cancel: CancelHandle | None = None) -> ffi.Session:
        """Redeems the one-time code that the back office shows."""
        return await self.client.enrol(code, device_name, cancel)

    async def sync(self, *, time: timedelta | None = None, bytes: int | None = None, cancel: CancelHandle | None = None) -> SyncOutcome:
        """Sends what waits and receives what is new, once."""
        return await self.client.sync_once(Budget(time=time, bytes=bytes), cancel)

    def transaction(self) -> Transaction:
        """Edits that are kept as a whole, or not at all: `async with rapport.transaction() as tx`."""
        return Transaction(self.client)

    async def get(self, record: str) -> Record | None:
        """A record; nothing when it is not on this device."""
        return await self.client.get(record)

    async def search(self, text: str, kind: str | None = None, cancel: CancelHandle | None = None) -> list[ffi.Found]:
        """Records that a text finds, best first."""
        return await self.client.search(text, kind, cancel)

    async def list(self, kind: str, **query: Any) -> ffi.Page:
        """One page of a list; `where` is a list of conditions."""
        return await self.client.list(_query(kind, **query))

    async def totals(
        self, kind: str, by: str | None = None, sums: Iterable[str] = (), step: TimeStep | None = None, where: Iterable[dict] | None = None
    ) -> ffi.Totals:
        """Counts and sums of the records of a list, all together or by the value of an attribute (`stage`, `party`, `createdAt`)."""
        return await self.client.totals(TotalsQuery(kind=kind, filter=_filter(where), by=by, step=step, sums=list(sums)))

    async def watch(self, kind: str, **query: Any) -> AsyncIterator[list[Record]]:
        """The list, and again whenever it has changed; stop iterating to end it."""
        watched, rows = await self.client.watch(_query(kind, **query)), []
        try:
            while (update := await watched.next()) is not None:
                rows = apply(rows, update)
                yield rows
        finally:
            watched.stop()

    async def likely_duplicates(self, kind: str, edits: Edits) -> list[ffi.LikelyDuplicate]:
        """The records on this device that one is likely the same as that is being made: call it while somebody types."""
        return await self.client.likely_duplicates(_made(kind, edits))

    async def likely_duplicates_of(self, record: str, edits: Edits | None = None) -> list[ffi.LikelyDuplicate]:
        """The records that one that is here is likely the same as, with these edits."""
        return await self.client.likely_duplicates(_edited(record, edits))

    async def merge(self, record: str, into: str, **keep: Keep) -> list[Receipt]:
        """Makes a record one with another, which stands for both: it keeps what it has and gets what it lacks, unless `keep` says
        otherwise of a field."""
        return await self.client.merge(record, into, keep)

    async def doubts(self, record: str, edits: Edits | None = None) -> list[ffi.Doubt]:
        """What is probably a slip in a record that is here, with these edits."""
        return await self.client.doubts(_edited(record, edits))

    async def doubts_in(self, kind: str, edits: Edits) -> list[ffi.Doubt]:
        """What is probably a slip in a record that is being made: call it while somebody types."""
        return await self.client.doubts(_made(kind, edits))

    async def attach(self, to: str, path: str | Path, *, media_type: str | None = None, name: str | None = None,
                     thumbnail: bytes | None = None) -> str:
        """Hangs a file on a record: copied into the sealed store, sent later. Answers with its own record."""
        guessed = media_type or mimetypes.guess_type(str(path))[0] or "application/octet-stream"
        return await self.client.attach(to, NewAttachment(path=str(path), media_type=guessed, name=name, thumbnail=thumbnail))

    async def fetch_attachment(self, file: str, cancel: CancelHandle | None = None) -> Attachment:
        """Brings the bytes of a file to this device; goes on where an earlier attempt broke off."""
        return await self.client.fetch_attachment(file, cancel)

    async def pieces(self, file: str) -> AsyncIterator[bytes]:
        """The bytes of a file that is on this device, piece by piece."""
        at = 0
        while piece := await self.client.read_attachment(file, at):
            yield piece
            at += len(piece)

    async def transfers(self) -> AsyncIterator[list[ffi.Transfer]]:
        """What is on its way to the server, and again whenever it has got further."""
        watched = await self.client.watch_transfers()
        try:
            while (moving := await watched.next()) is not None:
                yield moving
        finally:
            watched.stop()

    async def estimate(self, whose: Whose, kinds: Iterable[str] = (), days: int | None = None, cancel: CancelHandle | None = None) -> Estimate:
        """How much a subscription would bring, before anything of it is downloaded; needs the network."""
        return await self.client.estimate(Subscription(whose=whose, kinds=list(kinds), days=days), cancel)

    async def subscribe(self, whose: Whose, kinds: Iterable[str] = (), days: int | None = None) -> bool:
        """Wants this, too, from the next sync on. Answers whether it is new."""
        return await self.client.subscribe(Subscription(whose=whose, kinds=list(kinds), days=days))

    async def unsubscribe(self, whose: Whose, kinds: Iterable[str] = (), days: int | None = None) -> bool:
        """Does not want this any more: what nothing else asks for goes with the next sync. Answers whether it was wanted."""
        return await self.client.unsubscribe(Subscription(whose=whose, kinds=list(kinds), days=days))

    async def statuses(self) -> AsyncIterator[ffi.SyncStatus]:
        """What a status line shows, and again whenever it has changed."""
        watched = await self.client.watch_status()
        try:
            while (status := await watched.next()) is not None:
                yield status
        finally:
            watched.stop()


def _made(kind: str, edits: Edits) -> RecordEdit:
    return RecordEdit(record=new_record_id(), kind=kind, edits=edits.made, makes=True)


def _edited(record: str, edits: Edits | None) -> RecordEdit:
    return RecordEdit(record=record, kind=None, edits=edits.made if edits else [])


def _query(kind: str, where: Iterable[dict] | None = None, **query: Any) -> ListQuery:
    return ListQuery(kind=kind, filter=_filter(where), **query)


def _filter(where: Iterable[dict] | None) -> str | None:
    return None if where is None else json.dumps(list(where))
