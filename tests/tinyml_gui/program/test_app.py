from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
WATCHED = """
import gc, sys, threading
threads = set()
gc.callbacks.append(lambda phase, info: threads.add(threading.current_thread()))
from tinyml_gui.program.app import main
assert gc.isenabled()
threads.clear()
gc.set_threshold(20, 2, 2)  # many collections in a short run
code = main(["--self-test"])
assert gc.isenabled()
print(len(threads), threads == {threading.main_thread()})
sys.exit(code)
"""


def test_a_running_program_collects_garbage_on_the_windows_thread_only() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "1 True"
