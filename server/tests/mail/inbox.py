"""A mail server for the tests: takes every letter, and prints what it says, unpacked, as a line of JSON."""

import base64
import json
import sys
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller


class Taker:
    async def handle_DATA(self, _server, _session, envelope):
        letter = message_from_bytes(envelope.content, policy=policy.default)
        parts = [
            {"type": part.get_content_type(), "content": base64.b64encode(part.get_payload(decode=True)).decode()}
            for part in letter.walk()
            if not part.is_multipart()
        ]
        print(json.dumps({"to": envelope.rcpt_tos, "heads": dict(letter.items()), "parts": parts}), flush=True)
        return "250 taken"


Controller(Taker(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
# Until whoever asked for it hangs up.
sys.stdin.read()
