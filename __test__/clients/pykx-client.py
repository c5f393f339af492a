"""
A client by PyKX without a licence, as IPC alone needs none: `python pykx-client.py HOST PORT USER PASSWORD`. Prints what
it saw as one object of JSON.
"""

import json
import os
import sys

os.environ["PYKX_UNLICENSED"] = "1"
import pykx  # noqa: E402


def plain(value):
    """What JSON can say of a value."""
    if isinstance(value, pykx.K):
        try:
            value = value.py(raw=True)
        except Exception as error:
            return f"{type(value).__name__}: {error}"
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def opened(password):
    return pykx.SyncQConnection(host, port, username=user, password=password, timeout=20.0, no_ctx=True)


def is_refused():
    try:
        opened(password + "?").close()
    except pykx.PyKXException as error:
        return str(error) == "Authentication error"
    return False


def error_of(ask):
    try:
        ask()
    except pykx.QError as error:
        return str(error)
    return None


host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
refused = is_refused()
with opened(password) as q:
    names = plain(q("names"))
    values = {name: plain(q("get", pykx.SymbolAtom(name))) for name in names}
    total = plain(q("add", 2, 3.5))
    echoes = plain(q("echo", [1, 1.5, "text", True]))
    error = error_of(lambda: q("fail", "as it should"))
    q("upd", "trade", [1, 2], wait=False)
    q("upd", "trade", [3, 4], wait=False)
    updates = plain(q("updates"))
print(json.dumps({"isRefused": refused, "values": values, "sum": total, "echoes": echoes, "error": error, "updates": updates}))
