"""`facedge demo`: the whole path on faces that facedge draws itself, by the commands a user would type."""

import contextlib
import io
import json
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from facedge.cli import _console


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where everything is written.")] = Path(
        "demo"
    ),
    identities: Annotated[int, typer.Option(min=300, help="People to draw; a tenth of them sets the threshold.")] = 320,
    shots: Annotated[int, typer.Option(min=2, help="Pictures to draw of each.")] = 8,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the backbone's training.")] = 8,
) -> None:
    """From photos to a decision in a few minutes, on drawn faces: draw, prepare, train, export, verify, evaluate."""
    from facedge.errors import InputError

    if output.exists() and any(output.iterdir()):
        raise InputError(f"{output} is not empty: remove it, or choose another -o")
    start = time.perf_counter()
    _draw(output, identities, shots)
    _run("prepare", output / "celeba", "-o", output / "faces")
    _run("train", "backbone", output / "faces", "-o", output / "backbone", "--epochs", epochs)
    _run("train", "head", output / "backbone", "--me", output / "photos/me",
         "--others", output / "photos/others", "-o", output / "head")  # fmt: skip
    bundle = output / "me.facedge"
    _run("export", output / "backbone", "--head", output / "head", "--faces", output / "faces", "-o", bundle)
    me = _decisions(output / "photos/probes/me", bundle)
    others = _decisions(output / "photos/probes/others", bundle)
    _run("eval", bundle, "--faces", output / "faces", "-o", output / "report")
    report = json.loads((output / "report/report.json").read_text(encoding="utf-8"))
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    _print_table(_rows(report, manifest, me, others), time.perf_counter() - start)
    _console.say(f"\nopen {output / 'report/report.html'}; the bundle is {bundle}")


def _draw(output: Path, identities: int, shots: int) -> None:
    from facedge.dataset.synthetic import write_photo_folders, write_synthetic_celeba

    _console.say(f"drawing faces of {identities} people that do not exist into {output}")
    write_synthetic_celeba(output / "celeba", identities=identities, images_per_identity=shots, workers=2)
    write_photo_folders(output / "photos", me_images=8, others=60, probes=100, workers=2)


def _run(*words: object) -> None:
    """One command, shown as it would be typed; its own error ends the demo."""
    from facedge.cli import application

    args = [str(word) for word in words]
    _console.say(f"\n$ facedge {shlex.join(args)}")
    application(args[0])(args=args, standalone_mode=False)


def _decisions(folder: Path, bundle: Path) -> list[dict[str, Any]]:
    """What `facedge verify --json` says of every photo in a folder."""
    captured = io.StringIO()
    with contextlib.redirect_stdout(captured):
        _run("verify", folder, "--bundle", bundle, "--json")
    return [json.loads(line) for line in captured.getvalue().splitlines()]


def _rows(
    report: dict[str, Any], manifest: dict[str, Any], me: list[dict[str, Any]], others: list[dict[str, Any]]
) -> list[tuple[str, str, str]]:
    attributes, verification = report["attributes"], report["verification"]
    rejected = sum(d["decision"] == "reject" for d in me)
    accepted = sum(d["decision"] == "accept" for d in others)
    pairs = f"{verification['genuine']:,} genuine, {verification['impostor']:,} impostor pairs"
    tar = verification["tar_at_far"]["1e-2"]["tar"]  # None where too few people stand behind that FAR
    return [
        ("attribute accuracy", f"{attributes['mean_accuracy']:.1%}", "mean of 40, people never seen in training"),
        ("majority guess", f"{attributes['majority_accuracy']:.1%}", "what it has to beat"),
        ("EER", f"{verification['eer']:.1%}", f"{verification['identities']} people never seen, all pairs"),
        ("TAR at FAR 1e-2", "-" if tar is None else f"{tar:.1%}", pairs),
        ("FRR of the head", f"{rejected / len(me):.1%}", f"{rejected} of {len(me)} new photos of me rejected"),
        ("FAR of the head", f"{accepted / len(others):.1%}", f"{accepted} of {len(others)} other people accepted"),
        (
            "parity",
            f"{max(manifest['parity'].values()):.1e}",
            "largest difference of torch and onnxruntime, limit 1e-4",
        ),
    ]


def _print_table(rows: list[tuple[str, str, str]], seconds: float) -> None:
    _console.say("")
    for name, value, remark in rows:
        print(f"{name:<20} {value:>8}   {remark}")
    print(f"{'time':<20} {seconds:>7.0f}s   drawing, training and judging")
