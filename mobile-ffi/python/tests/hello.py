"""Hello, field sales: a customer made without a network, found by pinyin, synced, watched."""

import asyncio
import sys

from rapport import ClientError, Rapport, SecretStore


class Secrets(SecretStore):
    """For a script only: an app keeps these in the system's key store."""

    def __init__(self):
        self.kept = {}

    def get(self, name):
        return self.kept.get(name)

    def put(self, name, value):
        self.kept[name] = value

    def remove(self, name):
        self.kept.pop(name, None)


async def main(server, code, folder):
    rapport = await Rapport.open(server=server, folder=folder, app="hello 1", secrets=Secrets())
    await rapport.enrol(code, "hello")
    await rapport.sync()

    async with rapport.transaction() as tx:
        customer = tx.create("party", name="佳美办公", industry="print")
        tx.edit(customer).add("tags", "vip").splice("notes", 0, 0, "Call back in May")
    print("found by pinyin:", [found.record.title for found in await rapport.search("jiamei", "party")])

    try:
        await rapport.sync()
    except ClientError.Offline:
        print("no network: it is kept, and sent later")
    print("waiting:", (await rapport.status()).waiting)

    async for customers in rapport.watch("party", order_by="name"):
        print("customers:", len(customers))
        break
    await rapport.sign_out(lose_unsent=False)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
