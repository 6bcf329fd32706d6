"""People and programs at a gateway that lets them log in with a provider. Prints one line per check."""

import base64
import html
import json
import re
import sys
import time
from urllib.parse import urljoin, urlsplit

import requests

GATEWAY, PROVIDER, MODE = sys.argv[1:4]
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
PATIENCE = 90


def control(**values):
    answer = requests.get(f"{PROVIDER}/control", {k: json.dumps(v) for k, v in values.items()}, timeout=10)
    return answer.json()


def get(person, url, **more):
    more.setdefault("headers", PAGE)
    return person.get(url, allow_redirects=False, timeout=20, **more)


def submit(person, answer):
    """Sends the form of a page of the provider."""
    action = html.unescape(re.search(r'action="([^"]+)"', answer.text).group(1))
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
    if "xsrf" in fields:
        fields["logout"] = "yes"
    return person.post(urljoin(answer.url, action), fields, allow_redirects=False, timeout=20)


def follow(person, answer, until=None):
    """Goes where a browser would go, and stops before it comes to the path `until`."""
    for _ in range(12):
        if answer.is_redirect:
            url = urljoin(answer.url, answer.headers["Location"])
            if until and urlsplit(url).path == until and url.startswith(GATEWAY):
                return url
            answer = get(person, url)
        elif answer.url.startswith(PROVIDER) and "<form" in answer.text:
            answer = submit(person, answer)
        else:
            return answer
    raise AssertionError("it goes round in circles")


def visit(person, target, until=None):
    return follow(person, get(person, f"{GATEWAY}{target}"), until)


def back(person, target="/"):
    """Where the provider sends a browser back to."""
    return visit(person, target, "/login/done")


def program(person, **more):
    return get(person, f"{GATEWAY}/", headers={"Accept": "application/json"}, **more)


def logged_in():
    person = requests.Session()
    answer = visit(person, "/orders?a=b")
    assert answer.status_code == 200, answer.text
    return person, answer


def login():
    person, answer = logged_in()
    assert answer.url == f"{GATEWAY}/orders?a=b", answer.url
    seen = answer.json()
    assert seen["user"] == "ada" and seen["email"] == "ada@example.com", seen
    assert seen["roles"] == "reader,writer" and seen["access"], seen
    assert "session" not in (seen["cookie"] or ""), seen
    person.cookies.set("theme", "dark")
    seen = program(person).json()
    assert "theme=dark" in seen["cookie"] and "session=" not in seen["cookie"], seen
    # Nor does another route without the policy, which gets the cookie all the same.
    seen = get(person, f"{GATEWAY}/open").json()
    assert "theme=dark" in seen["cookie"] and "session=" not in seen["cookie"], seen


def tabs():
    person = requests.Session()
    ways = [back(person, f"/{number}") for number in range(4)]
    for number in (2, 0, 3, 1):
        assert get(person, ways[number]).headers["Location"] == f"{GATEWAY}/{number}"


def scripts():
    person = requests.Session()
    for headers in ({"Accept": "application/json"}, {**PAGE, "Sec-Fetch-Mode": "cors"}):
        answer = get(person, f"{GATEWAY}/", headers=headers)
        assert answer.status_code == 401 and "Set-Cookie" not in answer.headers, answer.headers
        assert answer.headers["WWW-Authenticate"].startswith("Bearer "), answer.headers
    answer = person.post(f"{GATEWAY}/", data="x", headers=PAGE, allow_redirects=False, timeout=20)
    assert answer.status_code == 401, answer.status_code


def attacks():
    asked = len(control()["token"])
    changes = {
        "state": lambda url: url.replace("state=", "state=x"),
        "no state": lambda url: url.replace("state=", "x="),
        "iss": lambda url: re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", url),
        "no iss": lambda url: url.replace("iss=", "x="),
        "two codes": lambda url: f"{url}&code=x",
    }
    for name, change in changes.items():
        person = requests.Session()
        answer = get(person, change(back(person)))
        assert answer.status_code == 401, (name, answer.status_code, answer.text)
        assert "login did not come to its end" in answer.text, answer.text
    assert len(control()["token"]) == asked, "nothing of it came to the provider"


def replayed():
    person = requests.Session()
    url = back(person)
    before = requests.utils.dict_from_cookiejar(person.cookies)
    assert get(person, url).status_code == 302
    thief = requests.Session()
    thief.cookies.update({name: value for name, value in before.items() if "login" in name})
    assert get(thief, url).status_code == 401
    assert get(requests.Session(), url).status_code == 401
    assert get(person, url).headers["Location"] == f"{GATEWAY}/"


def forced():
    evil, victim = requests.Session(), requests.Session()
    url = back(evil)
    back(victim)
    answer = get(victim, url)
    assert answer.status_code == 401 and program(victim).status_code == 401


def redirects():
    for target in ("//evil.example/x", "/a?next=https://evil.example/"):
        person = requests.Session()
        location = get(person, back(person, target)).headers["Location"]
        assert location.startswith(f"{GATEWAY}/"), location


def fixed():
    evil, victim = requests.Session(), requests.Session()
    follow(evil, get(evil, back(evil)))
    known = evil.cookies.get("session")
    url = back(victim)
    victim.cookies.set("session", known, domain="127.0.0.1", path="/")
    get(victim, url)
    assert victim.cookies.get("session", domain="127.0.0.1") != known


def tossed():
    one, _ = logged_in()
    cookie = one.cookies.get("session")
    answer = requests.get(f"{GATEWAY}/", headers={**PAGE, "Cookie": f"session={cookie}; session={cookie}"},
                          allow_redirects=False, timeout=20)
    assert answer.status_code == 400, answer.status_code


def denied():
    control(deny=True)
    try:
        person = requests.Session()
        answer = visit(person, "/")
        assert answer.status_code == 403 and "<script>" not in answer.text, answer.text
        assert "The login was refused." in answer.text
        assert not any("login" in cookie.name for cookie in person.cookies)
    finally:
        control(deny=False)


def stranger():
    control(account="mallory")
    try:
        person = requests.Session()
        answer = visit(person, "/")
        assert answer.status_code == 403, answer.status_code
        assert person.cookies.get("session") is None
    finally:
        control(account="ada")


def refreshed():
    control(accessTtl=4)
    try:
        person, answer = logged_in()
    finally:
        control(accessTtl=3600)
    first, deadline = answer.json()["access"], time.monotonic() + PATIENCE
    before = control()["token"].count("refresh_token")
    while program(person).json()["access"] == first:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert control()["token"].count("refresh_token") == before + 1
    assert not [one for one in control()["token"] if "invalid_grant" in one], control()


def logout():
    person, _ = logged_in()
    old = person.cookies.get("session")
    answer = get(person, f"{GATEWAY}/logout")
    assert answer.headers["Location"].startswith(f"{PROVIDER}/session/end?client_id=shop&id_token_hint=ey")
    url = follow(person, answer, "/bye")
    assert url.startswith(f"{GATEWAY}/bye"), url
    assert person.cookies.get("session") is None
    assert requests.get(f"{GATEWAY}/", headers={"Cookie": f"session={old}"}, timeout=20).status_code == 401
    cross = get(person, f"{GATEWAY}/logout", headers={**PAGE, "Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403


def backchannel():
    person, _ = logged_in()
    other, _ = logged_in()
    before = control()["logouts"]
    follow(person, get(person, f"{PROVIDER}/session/end"))
    assert control()["logouts"] == before + 1, control()
    answer = program(person)
    assert answer.status_code == 401 and "session is over" in answer.text, answer.text
    assert program(other).status_code == 200
    answer = requests.post(f"{GATEWAY}/logout/told", {"logout_token": "a.b.c"}, timeout=20)
    assert answer.status_code == 400 and answer.headers.get("Set-Cookie") is None


def token():
    secret = ("program", "a secret of the program")
    answer = requests.post(f"{PROVIDER}/token", {"grant_type": "client_credentials"}, auth=secret, timeout=20)
    return answer.json()["access_token"]


def bearer():
    for _ in range(2):
        seen = requests.get(f"{GATEWAY}/", headers={"Authorization": f"Bearer {token()}"}, timeout=20)
        assert seen.status_code == 200 and seen.json()["user"] == "program", seen.text
    head, claims, signature = token().split(".")
    claims = base64.urlsafe_b64encode(b'{"sub":"ada"}').rstrip(b"=").decode()
    for wrong in ("x", f"{head}.{claims}.{signature}"):
        answer = requests.get(f"{GATEWAY}/", headers={**PAGE, "Authorization": f"Bearer {wrong}"},
                              allow_redirects=False, timeout=20)
        assert answer.status_code == 401 and "invalid_token" in answer.headers["WWW-Authenticate"]


def credentials():
    before = control()["token"].count("client_credentials")
    for _ in range(5):
        answer = requests.get(f"{GATEWAY}/", auth=("program", "a secret of the program"), timeout=20)
        assert answer.status_code == 200 and answer.json()["user"] == "program", answer.text
        assert answer.json()["authorization"] is None, answer.text
    assert control()["token"].count("client_credentials") == before + 1, "it is kept"
    before = len(control()["token"])
    for _ in range(3):
        answer = requests.get(f"{GATEWAY}/", auth=("program", "wrong"), timeout=20)
        assert answer.status_code == 401 and "Basic" not in answer.headers["WWW-Authenticate"]
    assert len(control()["token"]) <= before + 1, "a wrong secret is remembered"


def away():
    person, _ = logged_in()
    stranger = requests.Session()
    url = back(stranger)
    control(away=True)
    try:
        assert program(person).status_code == 200
        answer = get(stranger, url)
        assert answer.status_code == 503 and answer.headers["Retry-After"], answer.text
    finally:
        control(away=False)


def rotated():
    """The provider has come back with another key."""
    deadline = time.monotonic() + PATIENCE
    while True:
        person = requests.Session()
        answer = visit(person, "/orders?a=b")
        if answer.status_code == 200:
            return
        assert answer.status_code in (401, 503), answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


CHECKS = {
    "all": [login, tabs, scripts, attacks, replayed, forced, redirects, fixed, tossed, denied, stranger, refreshed,
            logout, backchannel, bearer, credentials, away],
    "rotated": [rotated],
}
for check in CHECKS[MODE]:
    try:
        check()
        print(f"{check.__name__}: ok")
    except Exception as error:  # noqa: BLE001
        print(f"{check.__name__}: {type(error).__name__} at {error.__traceback__.tb_next.tb_lineno}: {error}")
