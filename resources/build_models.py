"""Train the shipped models again, each with the command that it records.

``python -m resources.build_models --data-dir FOLDER`` says whether they come out the same to the bit as
those that are shipped; ``--replace`` puts them in their place.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from engine import cli, project

MODELS = Path(__file__).parent / "models"


def main() -> None:
    """Train every shipped model and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder that holds mnist/ and emnist/")
    parser.add_argument("--replace", action="store_true", help="put the new models in place of the old")
    options = parser.parse_args()
    for path in sorted(MODELS.glob("*.tinyml")):
        _rebuild(path, options.data_dir, options.replace)


def _rebuild(path: Path, data_dir: str, replace: bool) -> None:
    shipped = project.load(path)
    words = shlex.split(shipped.record["command"])[1:]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / path.name
        words[words.index("--out") + 1] = str(out)
        code = cli.main([*words, "--data-dir", data_dir])
        if code:
            raise SystemExit(code)
        made = project.load(out)
        same = "the same" if made.fingerprint == shipped.fingerprint else "other"
        accuracy = made.record["metrics"]["accuracy"]
        sys.stdout.write(f"{path.name}: {same} parameters, accuracy {accuracy:.2%}\n")
        if replace:
            shutil.copy(out, path)


if __name__ == "__main__":
    main()
