"""Bring in the versions that the manifest names: `python scripts/vendor.py`. Needs npm, as a client only.

Run it after a version was changed in app/web/static/vendor/MANIFEST.toml; it copies the files and rewrites the
hashes. Nothing of this happens when the product is installed or tested.
"""

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "app/web/static/vendor/MANIFEST.toml"


def unpacked(name: str, version: str, into: Path) -> Path:
    """The folder of a package as its registry serves it."""
    into.mkdir()
    pack = ["npm", "pack", "--silent", f"{name}@{version}"]
    archive = subprocess.run(pack, cwd=into, capture_output=True, text=True, check=True).stdout.split()[-1]
    with tarfile.open(into / archive) as tar:
        tar.extractall(into, filter="data")
    return into / "package"


def sprite(folder: Path, names: list[str]) -> str:
    """One SVG with a <symbol> a drawing, to be used as `<use href="….svg#name">`."""
    symbols = []
    for name in names:
        drawing = (folder / f"{name}.svg").read_text(encoding="utf-8")
        inside = re.search(r"<svg[^>]*>(.*)</svg>", drawing, re.DOTALL)
        assert inside, f"{name}.svg is not a drawing"
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{" ".join(inside[1].split())}</symbol>')
    note = "<!-- lucide-static, ISC licence: see lucide.LICENSE.txt -->"
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + note + "\n" + "\n".join(symbols) + "\n</svg>\n"


def main() -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        for number, package in enumerate(tomllib.loads(text)["package"]):
            folder = unpacked(package["name"], package["version"], Path(scratch) / str(number))
            target = ROOT / package["file"]
            if "icons" in package:
                target.write_text(sprite(folder / package["source"], package["icons"]), encoding="utf-8")
            else:
                shutil.copyfile(folder / package["source"], target)
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
            spot = re.compile(rf'(file = "{re.escape(package["file"])}"[^\n]*\nsha256 = ")[^"]*')
            text, count = spot.subn(rf"\g<1>{digest}", text)
            assert count == 1, f"the manifest has no place for the hash of {package['name']}"
            print(f"{package['name']} {package['version']}  {target.stat().st_size} bytes  {digest}")
    MANIFEST.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
