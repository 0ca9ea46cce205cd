"""Waits for the server, signs in and puts something there to ask for; prints the token."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["API_URL"]
START_MAX_S = 60

MACHINE = """
name = "machine"
label = { en = "Machine", zh = "设备" }
plural = { en = "Machines", zh = "设备" }
title = "serial"
list = ["serial"]
match = ["serial"]
[[field]]
name = "serial"
label = { en = "Serial number", zh = "序列号" }
required = true
[[field]]
name = "party"
label = { en = "Customer", zh = "客户" }
type = "link"
to = ["party"]
[[field]]
name = "weight"
label = { en = "Weight", zh = "重量" }
type = "integer"
"""


def ask(path, body, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def sign_in(password):
    for _ in range(START_MAX_S * 10):
        try:
            return ask("/api/v1/sign-in", {"login": "ann", "password": password})["token"]
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    sys.exit("the server does not answer")


def main():
    token = sign_in(sys.argv[1])
    ask("/api/v1/kind", {"fields": {"name": "machine", "definition": MACHINE}}, token)
    for number in range(20):
        fields = {"name": f"佳美 {number}", "external_id": str(number), "phones": [{"value": f"138{number:08}", "label": "cell"}]}
        party = ask("/api/v1/party", {"fields": fields}, token)["id"]
        amount = {"amount": 100_000 * number, "currency": "CNY"}
        ask("/api/v1/deal", {"fields": {"title": f"Deal {number}", "party": party, "stage": "lead", "amount": amount}}, token)
        ask("/api/v1/machine", {"fields": {"serial": f"M{number}", "party": party, "weight": number}}, token)
    print(token)


main()
