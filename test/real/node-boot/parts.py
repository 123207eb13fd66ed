"""What cloud-init sees in the user data on standard input: its parts, as JSON. PYTHONPATH names cloud-init."""

import json
import sys

from cloudinit import handlers
from cloudinit.user_data import UserDataProcessor

parts = []


def note(_data, name, payload, headers):
    parts.append({"name": name, "type": headers["Content-Type"], "start": payload.split("\n")[0]})


handlers.walk(UserDataProcessor(None).process(sys.stdin.buffer.read()), note, None)
print(json.dumps(parts))
