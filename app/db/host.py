"""What surrounds the database on its machine: the disk, the file system, the clock's guidance, the time zones."""

import ctypes
import os
import shutil
import sys
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "9p", "virtiofs", "davfs", "fuse.sshfs")
IN_MEMORY = ("tmpfs", "ramfs")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
LEAST_PERCENT = 2
LOW_PERCENT = 10


@dataclass(frozen=True)
class Disk:
    """The room on the disk that holds a folder, in bytes."""

    folder: Path
    total: int
    free: int

    @property
    def percent_free(self) -> int:
        """Whole percent, rounded down."""
        return self.free * 100 // self.total if self.total else 0


def disk_of(path: Path) -> Disk:
    """The disk that holds a folder, or the nearest folder above it that exists."""
    folder = path.absolute()
    while not folder.is_dir():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return Disk(folder, usage.total, usage.free)


def file_system_of(path: Path, mounts: str | None = None) -> str | None:
    """The kind of file system that holds a path ('ext4', 'nfs4'), by /proc/self/mountinfo; None where nobody tells."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        except OSError:
            return None
    place = os.path.realpath(path)
    best, kind = "", None
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        pieces = left.split()
        if len(pieces) < 5 or not right:
            continue
        point = pieces[4].encode().decode("unicode_escape")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        # A later line covers an earlier one of the same place.
        if inside and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind


def clock_synchronised() -> bool | None:
    """Ask the kernel whether something keeps its clock right; None where it can not be asked."""
    if sys.platform != "linux":
        return None
    try:
        room = ctypes.create_string_buffer(512)  # struct timex, all zero: modes 0 only reads
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(room)
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != _TIME_ERROR


def zone_known(name: str) -> bool:
    """Tell whether this machine knows a time zone by its IANA name."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
