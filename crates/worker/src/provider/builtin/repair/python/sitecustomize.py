"""Notes which lines of a tree each of its tests executes, whatever runs the tests.

Python imports a module of this name before everything else. A test is a function whose name begins with `test`, in a
file whose name begins with `test` or ends with `_test`. What is printed into the file that WEFT_SPECTRUM names is JSON.
A test that takes longer than WEFT_TEST_SECONDS has failed, and ends the run.
"""

import atexit
import json
import os
import sys
import threading
import time

root = os.path.realpath(os.environ["WEFT_ROOT"]) + os.sep
patience = float(os.environ["WEFT_TEST_SECONDS"])
names = {}
tests = []
always = set()
pending = set()
current = None


def inside(code):
    name = names.get(code.co_filename)
    if name is None:
        path = os.path.realpath(code.co_filename) if code.co_filename.endswith(".py") else ""
        name = path[len(root):] if path.startswith(root) else ""
        if "site-packages" in name or name.startswith(".") or os.sep + "." in name:
            name = ""
        names[code.co_filename] = name
    return name


def is_test(code, name):
    base = os.path.basename(name)[:-3]
    return code.co_name.startswith("test") and (base.startswith("test") or base.endswith("_test"))


class Frame:
    def __init__(self, code, name, began):
        self.name, self.began, self.raising = name, began, False
        self.outside = code.co_name == "<module>" or not code.co_flags & 0x2

    def __call__(self, frame, event, argument):
        global current
        if event == "line":
            self.raising = False
            place = (self.name, frame.f_lineno)
            if self.outside:
                always.add(place)
            elif current is not None:
                current["places"].add(place)
            else:
                pending.add(place)
        elif event == "exception":
            self.raising = True
        elif event == "return" and self.began is not None:
            skipped = self.raising and getattr(argument, "__name__", "") == "SkipTest"
            self.began["passed"] = not (self.raising and argument is None) or skipped
            current = None
        return self


def trace(frame, event, argument):
    global current
    code = frame.f_code
    name = inside(code)
    if not name:
        return None
    began = None
    if current is None and is_test(code, name):
        current = began = {"name": code.co_name, "file": name, "line": code.co_firstlineno, "places": set(pending)}
        began["since"] = time.monotonic()
        pending.clear()
        tests.append(began)
    return Frame(code, name, began)


def by_file(places):
    files = {}
    for name, line in sorted(places):
        files.setdefault(name, []).append(line)
    return files


def write():
    sys.settrace(None)
    runs = [dict(test, places=by_file(set(test["places"])), passed=test.get("passed", False)) for test in tests]
    with open(os.environ["WEFT_SPECTRUM"], "w") as file:
        json.dump({"runs": runs, "always": by_file(always)}, file)


def watch():
    while True:
        time.sleep(0.2)
        test = current
        if test is not None and time.monotonic() - test["since"] > patience:
            write()
            os._exit(1)


atexit.register(write)
threading.Thread(target=watch, daemon=True).start()
threading.settrace(trace)
sys.settrace(trace)
