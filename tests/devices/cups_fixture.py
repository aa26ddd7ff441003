"""A private print scheduler: a real cupsd on a free loopback port, with its own files and nobody else's queues."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.simulated_printer import SimulatedPrinter

_SYSTEM_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
_PARTS = ("root", "spool", "cache", "state", "tmp", "log")
_CUPSD_CONF = """
Listen 127.0.0.1:{port}
Listen {directory}/cups.sock
LogLevel warn
MaxLogSize 0
Browsing No
WebInterface No
DefaultAuthType None
<Location />
  Order allow,deny
  Allow 127.0.0.1
</Location>
<Location /admin>
  Order allow,deny
  Allow 127.0.0.1
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit All>
    Order allow,deny
    Allow 127.0.0.1
  </Limit>
</Policy>
"""
_FILES_CONF = """
{user}
ServerRoot {directory}/root
RequestRoot {directory}/spool
CacheDir {directory}/cache
StateDir {directory}/state
TempDir {directory}/tmp
AccessLog {directory}/log/access
ErrorLog {directory}/log/error
PageLog {directory}/log/page
"""


@dataclass
class Cups:
    """A running scheduler; `server` is what CUPS_SERVER must say."""

    directory: Path
    server: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        """The path of its own socket, the other form of a server's name."""
        return str(self.directory / "cups.sock")

    def start(self) -> None:
        """Start and wait until it answers."""
        cupsd = shutil.which("cupsd", path=_SYSTEM_PATH)
        assert cupsd, "cupsd is missing: install the packages cups, cups-client and cups-bsd."
        command = [cupsd, "-f", "-c", str(self.directory / "cupsd.conf"), "-s", str(self.directory / "cups-files.conf")]
        with (self.directory / "log" / "out").open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        for _ in range(200):
            if "is running" in self.run("lpstat", "-r").stdout:
                return
            time.sleep(0.05)
        raise AssertionError(f"cupsd does not answer: {(self.directory / 'log' / 'out').read_text()}")

    def stop(self) -> None:
        """Stop it; its queues stay on disk."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=10)
            self.process = None

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of CUPS's own commands against this scheduler."""
        environment = os.environ | {"CUPS_SERVER": self.server, "LC_ALL": "C", "PATH": _SYSTEM_PATH}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)

    def queue(self, name: str, port: int) -> str:
        """Make a raw queue to a TCP printer, with the policies that keep a stale label from printing by itself."""
        device = f"socket://127.0.0.1:{port}/?contimeout=1&waiteof=false&snmp=false"
        made = self.run("lpadmin", "-p", name, "-E", "-v", device, "-m", "raw", "-o", "printer-error-policy=abort-job")
        assert made.returncode == 0, f"{made.stderr} (the socket backend is in the package cups)"
        return name


@pytest.fixture(scope="session")
def cups() -> Iterator[Cups]:
    """One private scheduler for the whole session of this worker."""
    with tempfile.TemporaryDirectory(prefix="laminar-cups-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        for part in _PARTS:
            (directory / part).mkdir()
        as_root = os.geteuid() == 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        user = "User lp\nGroup lp\nSystemGroup root" if as_root else ""
        (directory / "cupsd.conf").write_text(_CUPSD_CONF.format(port=port, directory=directory))
        (directory / "cups-files.conf").write_text(_FILES_CONF.format(user=user, directory=directory))
        if as_root:
            # A cupsd started by root works as lp and wants its directories to belong to lp.
            lp = pwd.getpwnam("lp")
            for path in (directory, *directory.rglob("*")):
                os.chown(path, lp.pw_uid, lp.pw_gid)
        scheduler = Cups(directory, f"127.0.0.1:{port}")
        try:
            scheduler.start()
            yield scheduler
        finally:
            scheduler.stop()


@pytest.fixture
def zebra() -> Iterator[SimulatedPrinter]:
    """A simulated 203-dpi Zebra on a free loopback port."""
    with SimulatedPrinter() as printer:
        yield printer
