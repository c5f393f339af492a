"""A client by qPython: `python qpython-client.py HOST PORT USER PASSWORD`. Prints what it saw as one object of JSON."""

import json
import sys

import numpy

# Of later releases of numpy, qPython knows the names of earlier ones.
for alias, name in {"bool": "bool_", "string_": "bytes_"}.items():
    if alias not in vars(numpy):
        setattr(numpy, alias, getattr(numpy, name))

from qpython.qcollection import QDictionary, QKeyedTable, QTable
from qpython.qconnection import QAuthenticationException, QConnection
from qpython.qtemporal import QTemporal
from qpython.qtype import QException, QLambda


def plain(value):
    """What JSON can say of a value."""
    if isinstance(value, QTable):
        return [{name: plain(row[name]) for name in value.dtype.names} for row in value]
    if isinstance(value, QKeyedTable):
        return [plain(value.keys), plain(value.values)]
    if isinstance(value, QDictionary):
        return [[plain(key) for key in value.keys], [plain(item) for item in value.values]]
    if isinstance(value, QLambda):
        return value.expression
    if isinstance(value, QTemporal):
        return plain(value.raw)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple, numpy.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (numpy.datetime64, numpy.timedelta64)):
        return str(value)
    if isinstance(value, numpy.generic):
        return plain(value.item())
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def opened(password):
    connection = QConnection(host, port, user, password, timeout=20, encoding="utf-8")
    connection.open()
    return connection


def is_refused():
    try:
        opened(password + "?").close()
    except QAuthenticationException:
        return True
    return False


def error_of(ask):
    try:
        ask()
    except QException as error:
        return plain(error.args[0])
    return None


host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
refused = is_refused()
with opened(password) as q:
    names = plain(q("names"))
    values = {name: plain(q("get", numpy.string_(name))) for name in names}
    total = plain(q("add", 2, 3.5))
    echoes = plain(q("echo", [1, numpy.float64(1.5), "text", True, numpy.array([1, 2], dtype=numpy.int32)]))
    error = error_of(lambda: q("fail", "as it should"))
    q.sendAsync("upd", numpy.string_("trade"), [1, 2])
    q.sendAsync("upd", numpy.string_("trade"), [3, 4])
    updates = plain(q("updates"))
print(json.dumps({"isRefused": refused, "values": values, "sum": total, "echoes": echoes, "error": error, "updates": updates}))
