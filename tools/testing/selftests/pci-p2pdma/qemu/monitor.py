#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Pass a guest's wishes on to QEMU's monitor.

usage: monitor.py REPORT SOCKET

A job that wants its machine changed writes "# monitor: COMMAND" to its report.
What the monitor answers goes to standard error.
"""

import re
import socket
import sys
import threading
import time


def show(monitor):
    while answer := monitor.recv(4096):
        sys.stderr.write(answer.decode(errors="replace"))
        sys.stderr.flush()


def main():
    path, address = sys.argv[1:]
    monitor = socket.socket(socket.AF_UNIX)
    for _ in range(100):
        try:
            monitor.connect(address)
            break
        except OSError:
            time.sleep(0.1)
    threading.Thread(target=show, args=(monitor,), daemon=True).start()
    with open(path, errors="replace") as report:
        line = ""
        while True:
            line += report.readline()
            if not line.endswith("\n"):
                time.sleep(0.1)
                continue
            match = re.match(r"# monitor: (.*?)\r?\n", line)
            line = ""
            if match:
                monitor.sendall(match[1].encode() + b"\n")


if __name__ == "__main__":
    main()
