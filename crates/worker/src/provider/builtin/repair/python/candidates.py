"""Runs the tests of a tree once for each of many candidates, in processes that start with everything imported.

Reads from standard input one JSON object: `args` (of unittest or pytest), `runner`, `seconds` (for one candidate),
`candidates` (a list of `file` and `text`). Prints a line for each candidate that was tried, `0` or `1`; the first `1`
is the last. The files are as they were afterwards.
"""

import json
import os
import resource
import signal
import sys
import time

request = json.load(sys.stdin)
# As `python -m` has it: the tree comes first, not the folder of this script.
sys.path[0] = os.getcwd()
sys.dont_write_bytecode = True
if request["runner"] == "pytest":
    import pytest
else:
    import unittest
    import unittest.main


def test():
    sink = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(sink, stream)
    if request["runner"] == "pytest":
        return int(pytest.main(request["args"]))
    program = unittest.main(module=None, argv=["unittest"] + request["args"], exit=False)
    return 0 if program.result.wasSuccessful() and program.result.testsRun else 1


# A candidate may allocate without end: it may have this much more than there is before it begins.
MORE_BYTES = 1 << 30


def bound():
    with open("/proc/self/status") as status:
        used = sum(int(line.split()[1]) << 10 for line in status if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + MORE_BYTES, used + MORE_BYTES))


def tried():
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            bound()
            code = test()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        finally:
            os._exit(code and 1)
    ends = time.monotonic() + request["seconds"]
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.002)
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        pass
    return status == 0


for candidate in request["candidates"]:
    with open(candidate["file"], encoding="utf-8", newline="") as file:
        before = file.read()
    with open(candidate["file"], "w", encoding="utf-8", newline="") as file:
        file.write(candidate["text"])
    try:
        passed = tried()
    finally:
        with open(candidate["file"], "w", encoding="utf-8", newline="") as file:
            file.write(before)
    print(int(passed), flush=True)
    if passed:
        break
