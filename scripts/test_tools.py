"""Find the programs the tests drive, and install what is missing where this user may: Chromium and CUPS.

    python scripts/test_tools.py             exit 0 when everything is there
    python scripts/test_tools.py --markers   print the pytest marker expression for what is there
"""

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library

# Administrators' programs are often not on an ordinary user's path.
# CUPS keeps the program that speaks to a printer's socket in a folder of its own, and Debian in another package.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/lib/cups/backend"])

# marker → (programs, shared libraries, Debian packages); Playwright's own program is linked to libatomic.
TOOLS = {
    "browser": (("chromium-headless-shell",), ("atomic",), ("chromium-headless-shell", "libatomic1")),
    "cups": (("cupsd", "lp", "lpstat", "lpadmin", "lpr", "socket"), (), ("cups", "cups-client", "cups-bsd")),
}


def missing() -> dict[str, list[str]]:
    """Marker → programs and libraries that were not found; empty when the machine has everything."""
    gone = {
        marker: [name for name in programs if not shutil.which(name, path=PLACES)]
        + [f"lib{name}" for name in libraries if not find_library(name)]
        for marker, (programs, libraries, _) in TOOLS.items()
    }
    return {marker: names for marker, names in gone.items() if names}


def as_root() -> list[str] | None:
    """The words before a command that needs root, or None when this user may not have it."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def main() -> None:
    gone = missing()
    if "--markers" in sys.argv[1:]:
        print(" and ".join(f"not {marker}" for marker in gone))
        return
    if not gone:
        return
    packages = [package for marker in gone for package in TOOLS[marker][2]]
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    root = as_root()
    if root is not None and shutil.which("apt-get"):
        print(f"laminar: installing what the tests drive: {' '.join(packages)}", flush=True)
        start = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
            # Packages talk much while they install; their words matter only when something goes wrong.
            run = subprocess.run([*start, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if run.returncode:
                print(run.stdout, run.stderr, file=sys.stderr)
        gone = missing()
    if gone:
        names = ", ".join(name for names in gone.values() for name in names)
        sys.exit(f"laminar: the tests need {names}. Run `sudo {command}`, or `make test-fast` to do without.")


if __name__ == "__main__":
    main()
