"""
Clients by qPython of one server: `python qpython-snapshots.py HOST PORT USER PASSWORD`. Prints which versions of the
server's data they saw, and what became of who crashed its clone, as one object of JSON.
"""

import json
import sys
import time

import numpy

# Of later releases of numpy, qPython knows the names of earlier ones.
for alias, name in {"bool": "bool_", "string_": "bytes_"}.items():
    if alias not in vars(numpy):
        setattr(numpy, alias, getattr(numpy, name))

from qpython.qconnection import QConnection
from qpython.qtype import QException

LATER_S = 0.1


def opened():
    connection = QConnection(host, port, user, password, timeout=20, encoding="utf-8")
    connection.open()
    return connection


def is_lost(ask):
    try:
        ask()
    except (QException, OSError):
        return True
    return False


host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
first, second = opened(), opened()
seen = [int(first("version"))]
time.sleep(LATER_S)
seen.append(int(first("version")))
crashed = is_lost(lambda: second("crash"))
changed = int(first("change"))
seen.append(int(first("version")))
fresh = int(opened()("version"))
print(json.dumps({"seen": seen, "crashed": crashed, "changed": changed, "fresh": fresh}))
