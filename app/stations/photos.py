"""The photo store: put and get by SHA-256. Names are hashes, so a photo can be neither replaced nor stored twice."""

import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, ImageStat

from app.core.canonical import sha256
from app.core.errors import Invalid

LARGEST = 8 * 1024 * 1024
MOST_PIXELS = 25_000_000


@dataclass(frozen=True)
class Picture:
    """A photo as it is kept: re-encoded JPEG without metadata, its hash and its size in pixels."""

    jpeg: bytes
    sha256: str
    width: int
    height: int


def read_picture(data: bytes) -> Picture:
    """Decode, turn upright, strip and re-encode an uploaded photo. Raises Invalid in words (field 'photo')."""
    if len(data) > LARGEST:
        raise Invalid({"photo": "The photo is larger than 8 MB. Take it again at a lower resolution."})
    if not data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise Invalid({"photo": "This is not a JPEG or PNG picture. Take the photo again."})
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Invalid({"photo": "The photo has more than 25 megapixels. Take it at a lower resolution."})
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise Invalid({"photo": "The photo is damaged. Take it again."}) from None
    if max(ImageStat.Stat(upright.convert("L")).extrema[0]) < 16:
        raise Invalid({"photo": "The photo is black. Uncover the camera, put the light on and take it again."})
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=85)
    return Picture(out.getvalue(), sha256(out.getvalue()), upright.width, upright.height)


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class PhotoStore:
    """A folder of photos, each under its hash."""

    def __init__(self, folder: Path):
        self.folder = folder

    def put(self, picture: Picture) -> None:
        """Keep a photo durably; the same photo again changes nothing. Raises OSError when the disk is full."""
        path = self._path(picture.sha256)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(".part", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(picture.jpeg)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        # The name is durable only when its folders are, and the record that names the photo follows at once.
        for folder in (path.parent, self.folder):
            _make_durable(folder)

    def get(self, name: str) -> bytes | None:
        """Read a photo by its hash, or None when it is not there or is not what its name says."""
        path = self._path(name)
        if not path.is_file():
            return None
        data = path.read_bytes()
        return data if sha256(data) == name else None

    def _path(self, name: str) -> Path:
        if len(name) != 64 or set(name) - set("0123456789abcdef"):
            raise ValueError("A photo is named by 64 hexadecimal digits.")
        return self.folder / name[:2] / f"{name}.jpg"
