"""The shared set of bad bundles: every way to damage or edit one that FORMAT.md, section 9, lists.

Each comes with the sentence that facedge refuses it with. Every host refuses all of them, in its own words.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tiny_bundle
from hostile_files import ARRAYS, GRAPHS, MANIFESTS
from onnx import TensorProto, helper

DAMAGED = r"damaged|edited|not readable JSON|newer facedge|manifest format|has a key twice|manifest \w+"
Change = Callable[[Path], None]


@dataclass(frozen=True)
class Mutation:
    """What is done to a bundle directory, and a pattern of the sentence that refuses it."""

    name: str
    spoil: Change
    sentence: str


def reseal(folder: Path) -> None:
    """Make manifest.sha256 match an edited manifest: the edit of somebody who knows the format."""
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    (folder / "manifest.sha256").write_text(f"{digest}  manifest.json\n")


def edit(folder: Path, change: Callable[[dict[str, Any]], object], *, seal: bool = True) -> None:
    """Rewrite manifest.json through `change`, with or without a new seal."""
    content = json.loads((folder / "manifest.json").read_bytes())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))
    if seal:
        reseal(folder)


def exchange(folder: Path, name: str, data: bytes) -> None:
    """Put `data` in place of file `name` and make manifest and seal agree with it."""
    (folder / name).write_bytes(data)
    entry = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    edit(folder, lambda content: content["files"].update({name: entry}))


def mutations(bundle: Path, flips: int) -> Iterator[Mutation]:
    """At least `flips` random byte flips, and every kind of structured damage to the bundle at `bundle`."""
    names = sorted(path.name for path in bundle.iterdir())
    rng = np.random.default_rng(11)
    for number in range(flips):
        name = names[number % len(names)]
        at, bit = int(rng.integers((bundle / name).stat().st_size)), int(rng.integers(8))
        sentence = DAMAGED if name.startswith("manifest") else f"{name} is damaged or was replaced"
        yield Mutation(f"flip bit {bit} of byte {at} in {name}", _flip(name, at, bit), sentence)
    yield from _sizes(names)
    yield from _listing(names)
    yield from _edits()
    yield from _graphs()
    yield from _paths()
    yield from _limits()


def _flip(name: str, at: int, bit: int) -> Change:
    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 1 << bit
        (folder / name).write_bytes(data)

    return change


def _sizes(names: list[str]) -> Iterator[Mutation]:
    for name in names:
        sentence = "edited or damaged|not readable JSON" if name.startswith("manifest") else f"{name} has .* bytes, its"
        empty = sentence
        yield Mutation(f"cut {name}", lambda f, n=name: _resize(f / n, lambda d: d[:-1]), sentence)
        yield Mutation(f"empty {name}", lambda f, n=name: _resize(f / n, lambda _: b""), empty)
        yield Mutation(f"extend {name}", lambda f, n=name: _resize(f / n, lambda d: d + b"\0"), sentence)


def _resize(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _listing(names: list[str]) -> Iterator[Mutation]:
    for name in names:
        yield Mutation(f"remove {name}", lambda f, n=name: (f / n).unlink(), f"{name} is missing")
    for extra in ("weights.bin", "head.onnx.data", ".hidden", "golden_x.npy", "card.md", "verifier.onnx", "x.pkl"):
        sentence = "in the bundle but not in its manifest"
        yield Mutation(f"add {extra}", lambda f, e=extra: _resize_new(f / e), sentence)
    yield Mutation("add a folder", lambda f: (f / "more").mkdir(), "in the bundle but not in its manifest")
    yield Mutation("another head", _another_head, "head.onnx is damaged or was replaced")
    yield Mutation("swap head and backbone", _swap, r"(head|backbone).onnx has .* bytes, its manifest says")


def _resize_new(path: Path) -> None:
    path.write_bytes(b"more")


def _another_head(folder: Path) -> None:
    (folder / "head.onnx").write_bytes(tiny_bundle.head_onnx(me=1))


def _swap(folder: Path) -> None:
    head, backbone = (folder / "head.onnx").read_bytes(), (folder / "backbone.onnx").read_bytes()
    (folder / "head.onnx").write_bytes(backbone)
    (folder / "backbone.onnx").write_bytes(head)


def _edits() -> Iterator[Mutation]:
    edited = "manifest.json was edited or damaged"
    for value in (0.0, 0.1, 0.49):
        yield Mutation(
            f"threshold {value}", lambda f, v=value: edit(f, lambda c: c.update(threshold=v), seal=False), edited
        )
    yield Mutation("new name", lambda f: edit(f, lambda c: c.update(name="eve"), seal=False), edited)
    for version in (2, 3, 99):
        change = {"format_version": version}
        yield Mutation(
            f"version {version}", lambda f, c=change: edit(f, lambda m: m.update(c)), "made by a newer facedge"
        )
        yield Mutation(
            f"version {version} unsealed",
            lambda f, c=change: edit(f, lambda m: m.update(c), seal=False),
            "made by a newer facedge",
        )
    for key, value, sentence in _WRONG_VALUES:
        yield Mutation(f"{key} = {value!r}", lambda f, k=key, v=value: edit(f, lambda m: m.update({k: v})), sentence)
    for key in ("threshold", "spec", "files", "usage", "calibration", "format_version", "format"):
        sentence = f"lacks {key}" if not key.startswith("format") else f"manifest {key}: expected"
        yield Mutation(f"without {key}", lambda f, k=key: edit(f, lambda m: m.pop(k)), sentence)
    yield Mutation("no JSON", lambda f: (f / "manifest.json").write_text("hello"), "not readable JSON")
    yield Mutation("a list", lambda f: (f / "manifest.json").write_text("[]"), "expected one JSON object")
    yield Mutation("deep JSON", lambda f: (f / "manifest.json").write_text("[" * 100000), "not readable JSON")
    yield Mutation("key twice", _key_twice, "has a key twice")
    yield Mutation("another spec", _another_spec, "re-export with this version")
    yield Mutation(
        "other digest", lambda f: edit(f, lambda m: m.update(spec_digest="0" * 64)), "re-export with this ver"
    )
    for name in ("head.onnx", "backbone.onnx"):
        yield Mutation(
            f"{name} not listed", lambda f, n=name: edit(f, lambda m: m["files"].pop(n)), f"does not list {name}"
        )
    yield Mutation(
        "huge size", lambda f: edit(f, lambda m: m["files"]["head.onnx"].update(size=10**12)), "bytes in all"
    )
    yield Mutation("two files of 600 MiB", _gigabytes, "bytes in all")


_WRONG_VALUES: list[tuple[str, Any, str]] = [
    ("threshold", 2.0, "manifest threshold: expected a number from 0 to 1"),
    ("threshold", -0.1, "manifest threshold: expected a number from 0 to 1"),
    ("threshold", "0.5", "manifest threshold: expected a number"),
    ("threshold", True, "manifest threshold: expected a number"),
    ("threshold", None, "manifest threshold: expected a number"),
    ("threshold", float("nan"), "contains NaN"),
    ("threshold", float("-inf"), "contains -Infinity"),
    ("enrolled", "yes", "manifest enrolled: expected true or false"),
    ("enrolled", False, "manifest threshold: expected null"),
    ("embedding_size", 0, "manifest embedding_size: expected a whole number"),
    ("embedding_size", 15, "backbone.onnx: output embedding should be"),
    ("attribute_names", ["A", "A", "B", "C"], "manifest attribute_names: expected at least one name"),
    ("attribute_names", ["A"], "backbone.onnx: output attributes should be"),
    ("attribute_names", "Smiling", "manifest attribute_names: expected a list"),
    ("usage", "", "manifest usage: expected a text"),
    ("usage", "\x1b[2Jhello", "manifest usage: expected a text without control characters"),
    ("precision", "fp8", "manifest precision: expected fp32 or int8"),
    ("precision", "int8", "does not list backbone.int8.onnx"),
    ("spec", [], "manifest spec: expected a JSON object"),
    ("spec_digest", "abc", "manifest spec_digest: expected 64 lower-case hex digits"),
    ("files", [], "manifest files: expected a JSON object"),
    ("surprise", 1, "unknown keys surprise"),
    ("format", "other", "manifest format: expected"),
    ("format_version", 0, "manifest format_version: expected a whole number"),
    ("format_version", -1, "manifest format_version: expected a whole number"),
    ("format_version", 1.5, "manifest format_version: expected a whole number"),
    ("format_version", True, "manifest format_version: expected a whole number"),
    ("format_version", "1", "manifest format_version: expected a whole number"),
    ("calibration", {}, "manifest calibration lacks"),
    ("data", {"name": "x"}, "manifest data lacks"),
    ("parity", {"x": float("inf")}, "contains Infinity"),
]


def _gigabytes(folder: Path) -> None:
    """Sparse files: on the disk they take nothing, in memory all of it."""
    entry = {"sha256": "0" * 64, "size": 600 << 20}
    for name in ("backbone.onnx", "head.onnx"):
        os.truncate(folder / name, entry["size"])
    edit(folder, lambda content: content["files"].update({"backbone.onnx": entry, "head.onnx": entry}))


def _key_twice(folder: Path) -> None:
    text = (folder / "manifest.json").read_text().rstrip().removesuffix("}")
    (folder / "manifest.json").write_text(text + ', "threshold": 0.0}')
    reseal(folder)


def _another_spec(folder: Path) -> None:
    edit(folder, lambda m: m["spec"].update(algorithm=m["spec"]["algorithm"] + 1))


def _graphs() -> Iterator[Mutation]:
    external = "keeps weights in another file"
    for place in ("/etc/passwd", "../secret", "head.onnx.data", "*/_ORT_MEM_ADDR_/*"):
        yield Mutation(f"external data {place}", lambda f, p=place: exchange(f, "head.onnx", _external(p)), external)
    yield Mutation("external data below", lambda f: exchange(f, "head.onnx", _external_below()), external)
    yield Mutation("custom operator", lambda f: exchange(f, "head.onnx", _custom()), "standard ONNX operators only")
    newer = tiny_bundle.backbone_onnx(opset=21)
    yield Mutation("opset 21", lambda f: exchange(f, "backbone.onnx", newer), "expected some, of 1 to 20")
    more = tiny_bundle.backbone_onnx(attributes=5)
    yield Mutation("more attributes", lambda f: exchange(f, "backbone.onnx", more), "output attributes should be")
    yield Mutation("text as head", lambda f: exchange(f, "head.onnx", b"hello head"), "head.onnx is not an ONNX file")
    backbone = tiny_bundle.backbone_onnx()
    yield Mutation(
        "backbone as head", lambda f: exchange(f, "head.onnx", backbone), "head.onnx: expected input embedding"
    )
    yield Mutation(
        "half a head", lambda f: exchange(f, "head.onnx", tiny_bundle.head_onnx()[:300]), "is not an ONNX file"
    )
    yield Mutation(
        "pickled cohort", lambda f: exchange(f, "cohort.npy", _pickled()), "cohort.npy is not a plain .npy array"
    )
    wide = _npy(np.zeros((5, 9), np.float32))
    yield Mutation("cohort of another size", lambda f: exchange(f, "cohort.npy", wide), r"cohort.npy: expected finite")
    nan = _npy(np.full((5, tiny_bundle.DIMS), np.nan, np.float32))
    yield Mutation("cohort of NaN", lambda f: exchange(f, "cohort.npy", nan), r"cohort.npy: expected finite")


def _limits() -> Iterator[Mutation]:
    """Content that would cost a careless reader time or memory, or that readers take differently."""
    for name, data in GRAPHS.items():
        sentence = "head.onnx (is not an ONNX file|has|uses Loop)"
        yield Mutation(f"graph: {name}", lambda f, d=data: exchange(f, "head.onnx", d), sentence)
    for name, data in ARRAYS.items():
        sentence = "cohort.npy (is not|has bytes after)"
        yield Mutation(f"array: {name}", lambda f, d=data: exchange(f, "cohort.npy", d), sentence)
    for name, change in MANIFESTS.items():
        yield Mutation(f"manifest: {name}", lambda f, c=change: edit(f, c), "manifest|preprocessing|not readable JSON")
    for name, change in TEXTS.items():
        yield Mutation(
            f"text: {name}", lambda f, c=change: _rewrite(f, c), "not readable JSON|has a key twice|manifest|preproc"
        )


TEXTS: dict[str, Callable[[str], str]] = {
    "threshold twice, the lower one last": lambda text: text.replace('"threshold":', '"threshold": 0.9, "threshold":'),
    "threshold twice, spelled with an escape": lambda t: t.replace(
        '"threshold":', '"\\u0074hreshold": 0.1, "threshold":'
    ),
    "a key twice inside": lambda text: text.replace('"licence":', '"licence": "none", "licence":'),
    "a threshold of 1e999": lambda text: text.replace('"threshold": 0.5', '"threshold": 1e999'),
    "a figure of 1e999": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": 1e999'),
    "a comma at the end": lambda text: text.rstrip().removesuffix("}") + ",}",
    "a comment": lambda text: "/* */" + text,
    "a byte order mark": lambda text: "\ufeff" + text,
    "text behind it": lambda text: text + "{}",
    "a number that begins with 0": lambda text: text.replace('"format_version": 1', '"format_version": 01'),
    "a number that begins with +": lambda text: text.replace('"format_version": 1', '"format_version": +1'),
    "a version of 1.0": lambda text: text.replace('"format_version": 1', '"format_version": 1.0'),
    "a version of 1e0": lambda text: text.replace('"format_version": 1', '"format_version": 1e0'),
    "a version of 10E-1": lambda text: text.replace('"format_version": 1', '"format_version": 10E-1'),
    "an embedding size of 16.0": lambda text: text.replace('"embedding_size": 16', '"embedding_size": 16.0'),
    "1e3 identities": lambda text: text.replace('"identities": 1000', '"identities": 1e3'),
    "5000.0 comparisons": lambda text: text.replace('"comparisons": 5000', '"comparisons": 5000.0'),
    "an input size of 64.0": lambda text: text.replace('"size": 64', '"size": 64.0'),
    "a fraction of 256.0": lambda text: text.replace('"fraction": 256', '"fraction": 256.0'),
    "a frame of 178.0": lambda text: text.replace("178,", "178.0,"),
    "another luma": lambda text: text.replace("7471", "7472"),
    "a file of 1e3 bytes": lambda text: re.sub(r'"size": [0-9]{3,}', '"size": 1e3', text),
    "a whole figure beyond 2^53": lambda t: t.replace('"mean_accuracy": 0.9', '"mean_accuracy": 9007199254740993'),
    "a whole figure below -2^53": lambda t: t.replace('"mean_accuracy": 0.9', '"mean_accuracy": -9007199254740993'),
    "a figure of 5,000 digits": lambda text: text.replace('"mean_accuracy": 0.9', f'"mean_accuracy": {"9" * 5000}'),
    "a figure of 1.": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": 1.'),
    "a figure of .9": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": .9'),
    "a figure of 1e": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": 1e'),
    "a figure of 0x1": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": 0x1'),
    "a figure of -": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": -'),
    "a figure of -01": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": -01'),
    "single quotes": lambda text: text.replace('"', "'"),
    "a control character in a text": lambda text: text.replace("anyone, for tests", "anyone,\tfor tests"),
}


# Other texts of the same or of allowed numbers: every host opens these.
SOUND_TEXTS: dict[str, Callable[[str], str]] = {
    "a threshold of 5e-1": lambda text: text.replace('"threshold": 0.5', '"threshold": 5e-1'),
    "a threshold of 0.05E+1": lambda text: text.replace('"threshold": 0.5', '"threshold": 0.05E+1'),
    "a threshold of 600 digits": lambda text: text.replace('"threshold": 0.5', f'"threshold": 0.5{"0" * 600}'),
    "a threshold of 1": lambda text: text.replace('"threshold": 0.5', '"threshold": 1'),
    "a threshold of -0.0": lambda text: text.replace('"threshold": 0.5', '"threshold": -0.0'),
    "a figure of -0": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": -0'),
    "a figure of 2^53": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": 9007199254740992'),
    "a figure of -2^53": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": -9007199254740992'),
    "a figure of 1e300": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": 1e300'),
    "a figure of 1e-400": lambda text: text.replace('"mean_accuracy": 0.9', '"mean_accuracy": 1e-400'),
    "a figure that looks like a text": lambda t: t.replace('"mean_accuracy": 0.9', '"mean_accuracy": "1.0 01 \\" 1e0"'),
}


def sound_texts(bundle: Path, target: Path) -> Iterator[tuple[str, Path]]:
    """A name and the bundle of each sound text, sealed, at `target` until the next one is asked for."""
    for name, change in SOUND_TEXTS.items():
        folder = fresh(bundle, target)
        _rewrite(folder, change)
        yield name, folder


def _rewrite(folder: Path, change: Callable[[str], str]) -> None:
    path = folder / "manifest.json"
    before = path.read_text(encoding="utf-8")
    path.write_text(change(before), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != before
    reseal(folder)


def _external(place: str) -> bytes:
    model = onnx.load_from_string(tiny_bundle.head_onnx())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    return bytes(model.SerializeToString())


def _external_below() -> bytes:
    """External data in a Constant inside a subgraph, where a shallow look misses it."""
    model = onnx.load_from_string(tiny_bundle.head_onnx())
    tensor = onnx.load_from_string(_external("/etc/passwd")).graph.initializer[0]
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    inner = helper.make_graph([constant], "inner", [], [])
    condition = helper.make_node("If", ["embedding"], ["unused"], then_branch=inner, else_branch=inner)
    model.graph.node.append(condition)
    return bytes(model.SerializeToString())


def _custom() -> bytes:
    model = onnx.load_from_string(tiny_bundle.head_onnx())
    model.graph.node[0].domain = "com.example"
    return bytes(model.SerializeToString())


def _pickled() -> bytes:
    return _npy(np.array([{"a": 1}], dtype=object))


def _npy(array: np.ndarray) -> bytes:
    import io

    target = io.BytesIO()
    np.save(target, array, allow_pickle=True)
    return target.getvalue()


def _paths() -> Iterator[Mutation]:
    entry = {"sha256": "0" * 64, "size": 1}
    for name in ("../head.onnx", "/etc/passwd", "a/b.onnx", "..", ".", "", "head.onnx/", "HEAD.ONNX", "C:\\x", "a\0b"):
        yield Mutation(
            f"lists {name!r}",
            lambda f, n=name: edit(f, lambda m: m["files"].update({n: entry})),
            "which is no file of a bundle",
        )
    for name in ("head.onnx", "manifest.json", "manifest.sha256"):
        yield Mutation(f"link {name}", lambda f, n=name: _link(f / n), f"{name} is a symbolic link")
        yield Mutation(f"pipe {name}", lambda f, n=name: _pipe(f / n), f"{name} is not a plain file")
        yield Mutation(f"folder {name}", lambda f, n=name: _folder(f / n), f"{name} is not a plain file")


def _link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def fresh(bundle: Path, target: Path) -> Path:
    """A clean copy of `bundle` at `target`, whatever was there before."""
    shutil.rmtree(target, ignore_errors=True)
    (target.parent / "elsewhere").unlink(missing_ok=True)
    shutil.copytree(bundle, target)
    return target
