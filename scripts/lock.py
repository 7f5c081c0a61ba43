"""Write the newest versions that fit together to ``requirements/test.lock``.

The file is one of constraints, ``name==version`` and nothing else: no address of an index, no
path, no hash of a file that another platform does not have.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "test.lock"
HEADER = "# Written by `make lock`: what the tests run with. Floors are in pyproject.toml.\n"


def resolve() -> dict[str, str]:
    """Ask pip what it would install for the tests and for building."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = configuration["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["test"],
        *configuration["build-system"]["requires"],
    ]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report), *wanted]
        subprocess.run(command, check=True)
        found = json.loads(report.read_text())["install"]
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in found}


def main() -> None:
    """Write the lock."""
    versions = {re.sub(r"[-_.]+", "-", name).lower(): v for name, v in resolve().items()}
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    LOCK.parent.mkdir(exist_ok=True)
    LOCK.write_text(HEADER + "".join(lines))
    print(f"{LOCK.relative_to(ROOT)}: {len(lines)} packages")


if __name__ == "__main__":
    main()
