"""Other programs are found by their own path, run in an empty folder, and never outlive the work."""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.boards import programs
from engine.boards.compilers import find_compiler
from engine.boards.programs import find_program, run_program
from engine.errors import MissingToolError, VerifyError

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX programs and signals")
SHELL = "/bin/sh"
HERE = Path(__file__)


def script(path: Path, text: str = "exit 0") -> Path:
    """Write a program."""
    path.write_text(f"#!{SHELL}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_program_that_is_cancelled_is_ended() -> None:
    answers = iter((False, True))
    with pytest.raises(VerifyError, match="cancelled"):
        run_program([sys.executable, "-c", "import time; time.sleep(60)"], cancel=lambda: next(answers))


def test_a_program_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MOST_SECONDS", 0.0)
    with pytest.raises(VerifyError, match=f"{Path(sys.executable).name} does not come to an end"):
        run_program([sys.executable, "-c", "import time; time.sleep(60)"])


@POSIX
def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    """The child holds a pipe open: reading its other end comes to an end when the child does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def child_has_started() -> bool:
        return bool(select.select([reading], [], [], 0)[0])

    with pytest.raises(VerifyError, match="cancelled"):
        run_program([SHELL, "-c", f"{SHELL} -c 'echo x; sleep 600' >{pipe} & wait"], cancel=child_has_started)
    os.set_blocking(reading, True)
    with os.fdopen(reading, "rb") as heard:
        assert heard.read() == b"x\n"


@POSIX
def test_a_program_runs_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    here, temporary, *names = run_program([SHELL, "-c", "pwd; echo $TMPDIR; ls -a"]).stdout.split()
    assert names == [".", ".."]
    assert temporary == here
    assert not Path(here).exists()


@POSIX
def test_nothing_is_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "tool")
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", "bin", str(tmp_path / "bin")]))
    assert find_program("tool") is None
    wanted = script(tmp_path / "bin" / "tool")
    assert find_program("tool") == str(wanted)
    assert find_program("bin/tool") == str(wanted)
    assert find_program("./tool") == str(tmp_path / "tool")
    (tmp_path / "bin" / "tool").chmod(stat.S_IRUSR)
    assert find_program("tool") is None


@POSIX
@pytest.mark.parametrize("kind", ["module", "package"])
def test_zig_is_not_taken_from_the_current_folder(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``python -m`` puts the current folder before all others; the folder's ``ziglang`` must not run."""
    evil, marker = tmp_path / "evil", tmp_path / "ran"
    evil.mkdir()
    text = f"open({str(marker)!r}, 'w')"
    if kind == "module":
        (evil / "ziglang.py").write_text(text, encoding="utf-8")
    else:
        (evil / "ziglang").mkdir()
        (evil / "ziglang" / "__init__.py").write_text(text, encoding="utf-8")
        script(evil / "ziglang" / "zig", f"touch {marker}")
    monkeypatch.chdir(evil)
    monkeypatch.syspath_prepend("")
    monkeypatch.syspath_prepend(str(evil))
    try:
        found = find_compiler("zig")
    except MissingToolError:
        pass
    else:
        assert not found.command[0].startswith(str(tmp_path))
        assert "zig" in found.version()
    assert not marker.exists()


VERIFY = """
import sys
from engine.cli import main
sys.exit(main(sys.argv[1:]))
"""


@POSIX
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=["SIGHUP", "SIGTERM"])
def test_no_compiler_outlives_a_verification(number: signal.Signals, tmp_path: Path) -> None:
    """The compiler starts another program, which holds the pipe that is read here open until it is ended."""
    pipe, work = tmp_path / "pipe", tmp_path / "work"
    os.mkfifo(pipe)
    work.mkdir()
    fake = script(tmp_path / "cc", f"{SHELL} -c 'echo started; sleep 600' >{pipe} & wait")
    environment = {**os.environ, "CC": str(fake), "TMPDIR": str(work), "OPENBLAS_NUM_THREADS": "1"}
    words = [sys.executable, "-c", VERIFY, "verify", "digits"]
    program = subprocess.Popen(words, env=environment, cwd=HERE.parents[3], stderr=subprocess.PIPE, text=True)
    with program, pipe.open(encoding="utf-8") as heard:
        assert heard.readline() == "started\n"
        program.send_signal(number)
        assert heard.read() == ""
        assert program.stderr is not None
        assert program.stderr.read() == "tinyml: The verification was cancelled.\n"
    assert program.returncode == 1
    assert list(work.iterdir()) == []
