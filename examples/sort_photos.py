"""Copy a folder of photos into one folder for each enrolled person.

python sort_photos.py PHOTOS OUT ana ben       # OUT/ana, OUT/ben, OUT/several, OUT/others

Only the largest face of a photo counts. A photo that fits two people goes to OUT/several: with many people and many
photos such cases are expected (see "Choose a FAR" in the documentation).
"""

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import facedge
from facedge.errors import ImageError
from facedge.image_folders import list_files
from facedge.runtime.embedder import embed_photo


def sort_photos(photos: Path, out: Path, names: Sequence[str], far: float | None = None) -> Counter[str]:
    """Copy every photo, and count the photos of each folder."""
    people = {name: facedge.load(name, far=far) for name in names}
    embedder = next(iter(people.values())).embedder
    for name, person in people.items():
        if person.bundle.manifest.files["backbone.onnx"] != embedder.bundle.manifest.files["backbone.onnx"]:
            raise facedge.FacedgeError(f"{name} was enrolled with another backbone than {names[0]}: enroll again")
    counts: Counter[str] = Counter()
    for photo in list_files(photos).images:
        try:
            found = embed_photo(embedder, photo)  # once a photo, then compared with everybody
            accepted = [name for name, person in people.items() if person.decide(found).accepted]
        except ImageError as problem:
            print(problem, file=sys.stderr)
            accepted = []
        folder = "several" if len(accepted) > 1 else accepted[0] if accepted else "others"
        target = out / folder / photo.relative_to(photos)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(photo, target)
        counts[folder] += 1
    return counts


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: python sort_photos.py PHOTOS OUT NAME ...")
    try:
        counts = sort_photos(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    except facedge.FacedgeError as problem:
        sys.exit(str(problem))
    for folder, count in sorted(counts.items()):
        print(f"{count:6,}  {folder}")
