"""Make a lock with hashes of a report of pip: `python tests/testing/lock.py REPORT`.

Torch is left out, and setuptools, which comes with it: whoever installs torch chooses its build
(CPU or CUDA), and each has its own hash.
"""

import json
import sys
from pathlib import Path

UNLOCKED = ("pleura", "torch", "setuptools")
HEAD = """\
# What make installs on Linux (x86_64, glibc) with Python 3.11, with the hash of each file; torch is
# not in it, because its builds differ. Renew with: make lock
"""


def lock_of(report: dict) -> str:
    """One requirement with its SHA-256 for each file that pip would install, sorted by name."""
    lines = {}
    for one in report["install"]:
        name = one["metadata"]["name"].lower().replace("_", "-").replace(".", "-")
        if name not in UNLOCKED:
            digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
            lines[name] = f"{name}=={one['metadata']['version']} --hash=sha256:{digest}\n"
    return HEAD + "".join(lines[name] for name in sorted(lines))


if __name__ == "__main__":
    sys.stdout.write(lock_of(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
