"""Set up .venv from the pinned requirements: `python3 scripts/bootstrap.py run|test`, or an empty one: `venv`.

Standard library only, and written so that an old Python can still read it and say that it is too old.
A stamp in .venv remembers what was installed, so a second call costs nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
OLDEST = (3, 11)
SETS = {"run": "requirements/run.txt", "test": "requirements/test.txt"}


def stop(sentence):
    """Ends with one sentence for the person at the terminal."""
    sys.exit("laminar: " + sentence)


def fingerprint(name):
    """The SHA-256 of everything that decides what set `name` installs."""
    digest = hashlib.sha256()
    for path in (SETS[name], "pyproject.toml"):
        with open(os.path.join(ROOT, path), "rb") as file:
            digest.update(path.encode() + b"\0" + file.read())
    return digest.hexdigest()


def stamp(name):
    return os.path.join(VENV, f"laminar-{name}.stamp")


def stands(name):
    """True when the set was installed from exactly these pins."""
    try:
        with open(stamp(name), encoding="ascii") as file:
            return file.read().strip() == fingerprint(name)
    except OSError:
        return False


def works(python):
    """True when this interpreter starts and is new enough: a removed Python leaves a dead link behind."""
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def as_root():
    """The words to put before a command that needs root, or None when this user may not have it."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def get_ensurepip():
    """Debian splits ensurepip off into its own package: install it where allowed, else say how."""
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    root = as_root()
    if root is None or not shutil.which("apt-get"):
        stop(
            f"this Python ({sys.executable}) cannot make virtual environments. "
            f"Run `sudo apt-get install {package}` (or install uv), then the same command again."
        )
    print(f"laminar: installing {package}, which this Python needs for a virtual environment", flush=True)
    start = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    call(*start, "update", "-qq")
    call(*start, "install", "-y", "-qq", "--no-install-recommends", package)


def has_ensurepip():
    check = "import ensurepip, venv"
    return subprocess.run([sys.executable, "-c", check], capture_output=True, check=False).returncode == 0


def call(*words):
    if subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
        said = " ".join(words[:6])
        stop(f"`{said}` failed; its own words are above. Mend that, then run the same command again.")


def make_venv(uv):
    if works(PYTHON):
        return
    if os.path.isdir(VENV):
        print("laminar: .venv no longer works and is made anew", flush=True)
        shutil.rmtree(VENV)
    if uv:
        call(uv, "venv", "--quiet", "--python", sys.executable, VENV)
        return
    if not has_ensurepip():
        get_ensurepip()
    call(sys.executable, "-m", "venv", VENV)


def install(name, uv):
    if not uv and not os.path.exists(os.path.join(VENV, "bin", "pip")):
        call(PYTHON, "-m", "ensurepip", "--default-pip")  # the environment was made by uv, which is gone
    pip = (
        [uv, "pip", "install", "--quiet", "--python", PYTHON]
        if uv
        else [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    )
    call(*pip, "-r", SETS[name])
    call(*pip, "--no-deps", "-e", ".")
    with open(stamp(name), "w", encoding="ascii") as file:
        file.write(fingerprint(name) + "\n")


def main(arguments):
    if sys.version_info < OLDEST:
        stop(
            f"Python {sys.version_info[0]}.{sys.version_info[1]} is too old; Laminar needs 3.11 or newer. "
            "If one is installed, say where: make PY=/path/to/python3.11 demo"
        )
    if len(arguments) != 1 or arguments[0] not in ("venv", *SETS):
        stop("say which set: scripts/bootstrap.py venv|run|test")
    name = arguments[0]
    uv = shutil.which("uv")
    if name == "venv":
        make_venv(uv)
        return
    # The test set holds the run set, so a developer's environment serves the demo too.
    if works(PYTHON) and (stands(name) or stands("test")):
        return
    print(f"laminar: setting up .venv ({name} set); the first time takes about half a minute", flush=True)
    make_venv(uv)
    install(name, uv)


if __name__ == "__main__":
    main(sys.argv[1:])
