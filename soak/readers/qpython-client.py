"""
qPython client that stays connected: `python qpython-client.py HOST PORT USER PASSWORD`. Sends each line of stdin to the
server as a string, and prints the answer, which is one line.
"""

import sys

import numpy

# qPython uses names that later releases of numpy have removed.
for alias, name in {"bool": "bool_", "string_": "bytes_"}.items():
    if alias not in vars(numpy):
        setattr(numpy, alias, getattr(numpy, name))

from qpython.qconnection import QConnection

host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
with QConnection(host=host, port=port, username=user, password=password) as q:
    for line in iter(sys.stdin.readline, ""):
        print(q(line.rstrip("\n")).decode(), flush=True)
