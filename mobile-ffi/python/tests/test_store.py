"""Encryption at rest: proved, and every way to lose a key leads to a clean start, never to a crash loop."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap

import pytest

from rapport import ClientError, OpenError, Rapport, SecretError, sdk_info, set_store_aside
from rapport.testkit import quiesce

CANARY = "Canary 佳美办公 0815"
ENCODINGS = ["utf-8", "utf-16-le", "utf-16-be", "gb18030"]


async def enrolled(kit, opened):
    rapport = await opened(server=kit.url)
    if await rapport.session() is None:
        kit.code("ann")
        await rapport.enrol(kit.code("ann"), "phone")
    return rapport


def photo(tmp_path, size=1_000_000):
    """A picture that says who is on it, over and over."""
    path = tmp_path / "camera.jpg"
    path.write_bytes(b"\xff\xd8\xff" + (CANARY.encode() * size)[: size - 3])
    return path, b"\xff\xd8\xff" + CANARY.encode() * 100


async def named(phone, name=CANARY):
    async with phone.transaction() as tx:
        return tx.create("party", name=name, notes=name)


def files(folder):
    return [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]


def held_open():
    """What this process has open, temporary files without a name included."""
    for number in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{number}"
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                with open(path, "rb") as file:
                    yield os.readlink(path), file.read()
        except OSError:
            continue


async def test_a_customers_name_is_found_in_no_file(kit, opened, tmp_path, secrets, capfd, monkeypatch):
    assert sdk_info().encrypts
    (tmp_path / "temp").mkdir()
    for name in ["TMPDIR", "SQLITE_TMPDIR"]:
        monkeypatch.setenv(name, str(tmp_path / "temp"))
    kit.person("ann")
    ann = await enrolled(kit, opened)
    customer = await named(ann)
    assert (await ann.search("canary"))[0].record.id == customer
    path, small = photo(tmp_path)
    file = await ann.attach(customer, path, thumbnail=small)
    path.unlink()
    assert (await ann.attachment(file)).state.is_WAITING()
    await quiesce(ann)
    before = files(tmp_path)
    assert any(path.endswith("-wal") for path in before), "the log is looked at too"
    for closed in [False, True]:
        if closed:
            await ann.shutdown()
        for path, held in held_open():
            assert not any(CANARY.encode(encoding) in held for encoding in ENCODINGS), path
        said = "".join(capfd.readouterr())
        assert not any(part in said for part in [CANARY, "Canary", "佳美办公"]), said
        for path in files(tmp_path):
            with open(path, "rb") as file:
                held = file.read()
            assert not held.startswith(b"SQLite format 3"), path
            for part in [CANARY, "Canary", "佳美办公"]:
                assert not any(part.encode(encoding) in held for encoding in ENCODINGS), f"{part} in {path}"
            assert secrets.kept["rapport.store-key"] not in held
    ann = await opened()
    assert (await ann.get(customer)).title == CANARY
    assert next(check for check in await ann.doctor()).detail.startswith("SQLCipher 4.")


async def test_a_lost_key_a_wrong_key_and_a_damaged_store_lead_to_a_clean_start(kit, opened, tmp_path, secrets):
    kit.person("ann")
    ann = await enrolled(kit, opened)
    customer = await named(ann)
    await quiesce(ann)
    await ann.shutdown()
    good = dict(secrets.kept)
    folder = str(tmp_path / "store")

    secrets.kept["rapport.store-key"] = bytes(32)
    for _ in range(2):
        with pytest.raises(OpenError.KeyDoesNotMatch):
            await opened()
    secrets.kept["rapport.store-key"] = b"short"
    with pytest.raises(OpenError.KeyDoesNotMatch):
        await opened()
    del secrets.kept["rapport.store-key"]
    for _ in range(2):
        with pytest.raises(OpenError.KeyLost):
            await opened()
    # The key comes back: nothing was harmed.
    secrets.kept = dict(good)
    ann = await opened()
    assert (await ann.get(customer)).title == CANARY
    await ann.shutdown()

    # It does not: set the store aside, enrol again, and everything is downloaded.
    del secrets.kept["rapport.store-key"]
    assert await set_store_aside(folder) == "rapport.db.aside-1"
    again = await enrolled(kit, opened)
    await quiesce(again)
    assert (await again.get(customer)).title == CANARY
    await again.shutdown()
    assert secrets.kept["rapport.store-key"] != good["rapport.store-key"]

    with open(tmp_path / "store" / "rapport.db", "r+b") as file:
        file.write(os.urandom(8192))
    with pytest.raises((OpenError.KeyDoesNotMatch, OpenError.Damaged)):
        await opened()
    assert await set_store_aside(folder) == "rapport.db.aside-2"
    assert await (await opened()).session() is None


async def test_a_plain_file_is_refused(opened, tmp_path, secrets):
    import sqlite3

    os.makedirs(tmp_path / "store")
    with sqlite3.connect(tmp_path / "store" / "rapport.db") as db:
        db.execute("create table t (x)")
    secrets.kept["rapport.store-key"] = bytes(32)
    with pytest.raises(OpenError.NotEncrypted):
        await opened()


async def test_the_secret_store_fails_in_every_way(opened, secrets):
    class Bad(type(secrets)):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def get(self, name):
            raise self.error

    cases = [
        (SecretError.Locked(), OpenError.KeyLocked),
        (SecretError.Invalidated(), OpenError.KeyLost),
        (SecretError.Unavailable("no chip"), OpenError.KeyUnavailable),
        (RuntimeError("a bug in the app"), OpenError.KeyUnavailable),
    ]
    for error, expected in cases:
        with pytest.raises(expected):
            await opened(secrets=Bad(error))

    class Forgets(type(secrets)):
        def put(self, name, value):
            pass

    with pytest.raises(OpenError.KeyUnavailable):
        await opened(secrets=Forgets())
    assert await (await opened()).session() is None


async def test_a_wipe_destroys_the_key_first_and_is_finished_when_it_was_interrupted(kit, opened, tmp_path, secrets):
    kit.person("ann")
    ann = await enrolled(kit, opened)
    await named(ann)
    with pytest.raises(ClientError.Unsent) as unsent:
        await ann.sign_out(False)
    assert (unsent.value.edits, unsent.value.drafts) == (1, 0)
    store = (tmp_path / "store" / "rapport.db").read_bytes()
    await ann.sign_out(True)
    assert (files(tmp_path), "rapport.store-key" in secrets.kept) == ([], False)
    with pytest.raises(ClientError.Closed):
        await ann.status()
    # The phone died between the key and the files.
    for kept in [{"rapport.wiping": b"\1"}, {"rapport.wiping": b"\1", "rapport.store-key": bytes(32)}]:
        secrets.kept = dict(kept)
        (tmp_path / "store" / "rapport.db").write_bytes(store)
        fresh = await opened()
        assert (await fresh.session(), "rapport.wiping" in secrets.kept) == (None, False)
        await fresh.shutdown()


@pytest.mark.skipif("RAPPORT_TINY_DISK" not in os.environ, reason="no small disk: .ci/mobile mounts one where it may")
async def test_a_full_disk_is_an_error_and_what_was_kept_stays(kit, secrets, tmp_path):
    disk = os.path.join(os.environ["RAPPORT_TINY_DISK"], "python")
    shutil.rmtree(disk, ignore_errors=True)
    kit.person("ann")
    try:
        ann = await Rapport.open(server=kit.url, folder=disk, app="pytest 1", secrets=secrets)
        await ann.enrol(kit.code("ann"), "phone")
        customer = await named(ann)
        with pytest.raises(ClientError.StorageFull):
            await ann.attach(customer, photo(tmp_path, 64_000_000)[0])
        assert await ann.attachments(customer) == []
        ballast = open(os.path.join(disk, "ballast"), "wb", buffering=0)
        with pytest.raises(OSError):
            while True:
                ballast.write(bytes(1 << 20))
                os.fsync(ballast.fileno())
        with pytest.raises(ClientError.StorageFull):
            for number in range(2_000):
                await named(ann, f"{number} " + "x" * 1_900)
        total = (await ann.list("party", limit=1)).total
        os.remove(ballast.name)
        ballast.close()
        # With room again it goes on, and nothing that was kept is gone.
        await named(ann, "after")
        assert (await ann.list("party", limit=1)).total == total + 1
        assert (await ann.get(customer)).title == CANARY
        await quiesce(ann)
        await ann.shutdown()
    finally:
        shutil.rmtree(disk, ignore_errors=True)


async def test_one_process_at_a_time_has_the_store(opened):
    one = await opened()
    with pytest.raises(OpenError.InUse):
        await opened()
    await one.shutdown()
    assert await (await opened()).session() is None


CHILD = """
    import asyncio, os, sys
    sys.path[:0] = {path!r}
    from conftest import Secrets
    from rapport import Rapport

    async def main():
        secrets = Secrets()
        secrets.kept = {kept!r}
        rapport = await Rapport.open(server="http://127.0.0.1:9", folder={folder!r}, app="child", secrets=secrets)
        for number in range(100_000):
            async with rapport.transaction() as tx:
                customer = tx.create("party", name=f"customer {{number}}")
                tx.create("deal", title=f"deal {{number}}", party=customer)
            print(number, flush=True)

    asyncio.run(main())
"""


async def test_a_process_killed_in_the_middle_of_transactions_loses_none_and_leaves_no_half(kit, opened, tmp_path, secrets):
    kit.person("ann")
    ann = await enrolled(kit, opened)
    await ann.shutdown()
    code = textwrap.dedent(CHILD).format(path=[os.path.dirname(__file__)], kept=secrets.kept, folder=str(tmp_path / "store"))
    said = -1
    for stop_after in [3, 11]:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(stop_after):
            said = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
        child.wait()
        said = int(rest[-1]) if rest else said
    ann = await opened(server=kit.url)
    parties, deals = (await ann.list("party", limit=1)).total, (await ann.list("deal", limit=1)).total
    assert parties == deals >= said + 1 + 3
    await quiesce(ann)
    assert (await ann.status()).waiting == 0


SENDER = """
    import asyncio, sys
    sys.path[:0] = {path!r}
    from conftest import Secrets
    from rapport import Rapport

    async def main():
        secrets = Secrets()
        secrets.kept = {kept!r}
        rapport = await Rapport.open(server={url!r}, folder={folder!r}, app="child", secrets=secrets)

        async def tell():
            async for moving in rapport.transfers():
                print(max((one.sent for one in moving), default=0), flush=True)

        telling = asyncio.create_task(tell())
        await asyncio.sleep(0)
        await rapport.sync()
        print("done", flush=True)
        sys.stdin.read()

    asyncio.run(main())
"""


async def test_an_upload_of_a_killed_process_goes_on_where_it_stopped(kit, opened, tmp_path, secrets):
    kit.person("ann")
    ann = await enrolled(kit, opened)
    customer = await named(ann)
    path, small = photo(tmp_path, 8_000_000)
    file = await ann.attach(customer, path, thumbnail=small)
    await ann.shutdown()
    code = textwrap.dedent(SENDER).format(path=[os.path.dirname(__file__)], kept=secrets.kept, folder=str(tmp_path / "store"), url=kit.url)
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while (said := child.stdout.readline().strip()) != "done" and not 0 < int(said) < 8_000_000:
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    ann = await opened(server=kit.url)
    state = (await ann.attachment(file)).state
    assert said == "done" or (state.is_WAITING() and 0 < state.sent), (said, state)
    await quiesce(ann)
    assert (await ann.attachment(file)).state.is_HERE()
    other = await kit.phone("ann")
    await other.fetch_attachment(file)
    assert b"".join([piece async for piece in other.pieces(file)]) == path.read_bytes()
    await ann.shutdown()
