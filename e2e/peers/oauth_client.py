"""A client with credentials: gets tokens and uses them: `oauth_client.py SERVER GATEWAY`.

Prints what became of it as JSON.
"""

import json
import sys
import time

import requests

SERVER, GATEWAY = sys.argv[1:3]
LATEST = time.monotonic() + 60
CREDENTIALS = ("ada", "ada's secret")


def token(scope):
    form = {"grant_type": "client_credentials", "scope": scope}
    answer = requests.post(f"{SERVER}/token", data=form, auth=CREDENTIALS, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


def ask(value, **more):
    fields = {"Authorization": f"Bearer {value}"} if value else {}
    answer = requests.get(f"{GATEWAY}/", headers=fields, timeout=30, **more)
    return {
        "status": answer.status_code,
        "challenge": answer.headers.get("WWW-Authenticate"),
        "text": answer.text,
    }


good, narrow = token("orders:read orders:write"), token("orders:read")
done = {
    "none": ask(None),
    "good": ask(good),
    "again": ask(good),
    "narrow": ask(narrow),
    "wrong": ask(good[:-1]),
    "elsewhere": ask(None, params={"access_token": good}),
    "twice": ask(good, cookies={"token": good}),
}
revoked = requests.post(f"{SERVER}/revoke", data={"token": good}, auth=CREDENTIALS, timeout=30)
revoked.raise_for_status()
while ask(good)["status"] == 200 and time.monotonic() < LATEST:
    time.sleep(0.05)
done["revoked"] = ask(good)
print(json.dumps(done))
