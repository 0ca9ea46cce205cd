"""A video by a stock tus client: in pieces, broken off and taken up again by another run of it, checked by its hash."""

import hashlib
import json
import os
import tempfile
import urllib.parse
import urllib.request

from tusclient import client
from tusclient.exceptions import TusUploadFailed
from tusclient.storage import filestorage

URL, TOKEN = os.environ["API_URL"], os.environ["API_TOKEN"]
PIECE = 256 * 1024


def ask(path, body=None):
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers)) as answer:
        return answer.read()


def uploader(folder, path, **metadata):
    tus = client.TusClient(f"{URL}/api/v1/uploads", headers={"Authorization": f"Bearer {TOKEN}"})
    storage = filestorage.FileStorage(os.path.join(folder, "addresses.json"))
    return tus.uploader(path, chunk_size=PIECE, metadata=metadata, store_url=True, url_storage=storage, upload_checksum=True)


def main():
    party = json.loads(ask("/api/v1/party", {"fields": {"name": "佳美"}}))["id"]
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "现场.mp4")
    content = os.urandom(5 * PIECE + 17)
    with open(path, "wb") as file:
        file.write(content)
    said = {"filename": "现场.mp4", "filetype": "video/mp4", "about": party, "sha256": hashlib.sha256(content).hexdigest()}

    first = uploader(folder, path, **said)
    first.upload_chunk()
    first.upload_chunk()
    second = uploader(folder, path, **said)
    assert second.url == first.url and second.offset == 2 * PIECE, (second.url, second.offset)
    second.upload()

    where = urllib.parse.urlencode({"where": json.dumps([{"type": "linkedWith", "attribute": "about", "value": party}])})
    (file,) = json.loads(ask(f"/api/v1/file?{where}"))["rows"]
    assert file["fields"]["name"] == "现场.mp4" and file["fields"]["size"] == len(content), file
    assert ask(f"/api/v1/file/{file['id']}/content") == content, "what came back is something else"

    with open(path, "wb") as changed:
        changed.write(b"something else, by the old hash")
    try:
        uploader(tempfile.mkdtemp(), path, **said).upload()
    except TusUploadFailed as refused:
        assert refused.status_code == 422, refused
    else:
        raise AssertionError("a content that its hash does not fit was taken")
    print("1.3 MB in two runs, and one file that its hash did not fit refused")


main()
