"""Helpers of the tests of `facedge prepare`: damage to a data set, contents of a prepared folder."""

from pathlib import Path

from PIL import Image


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def damage(celeba: Path) -> None:
    """Four bad images of 144: missing, empty, cut short, of another geometry."""
    images = celeba / "img_align_celeba"
    (images / "000010.jpg").unlink()
    (images / "000011.jpg").write_bytes(b"")
    (images / "000012.jpg").write_bytes((images / "000012.jpg").read_bytes()[:2000])
    Image.new("RGB", (178, 200)).save(images / "000013.jpg")
