"""`facedge demo`: from drawn photos to decisions and a report, by the commands that a user would type."""

import contextlib
import io
import json
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from facedge.cli import _console
from facedge.cli._console import require_extra


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where everything is written.")] = Path(
        "demo"
    ),
    identities: Annotated[int, typer.Option(min=300, help="People to draw; a tenth of them sets the threshold.")] = 320,
    shots: Annotated[int, typer.Option(min=2, help="Pictures to draw of each.")] = 8,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the backbone's training.")] = 8,
) -> None:
    """From photos to a decision in a few minutes, on faces that facedge draws.

    Draws, prepares, trains, exports, verifies and evaluates, and shows each command.
    """
    from facedge.errors import InputError

    require_extra("train", ("torch", "onnx"))
    if output.exists() and any(output.iterdir()):
        raise InputError(
            f"{output} is not empty, and a demo needs an empty folder: name another with -o (make demo DEMO=FOLDER), "
            "or delete what an earlier demo left there"
        )
    start = time.perf_counter()
    _draw(output, identities, shots)
    _run("prepare", output / "celeba", "-o", output / "faces")
    _run("train", "backbone", output / "faces", "-o", output / "backbone", "--epochs", epochs)
    _run("train", "head", output / "backbone", "--me", output / "photos/me",
         "--others", output / "photos/others", "-o", output / "head")  # fmt: skip
    bundle = output / "me.facedge"
    _run("export", output / "backbone", "--head", output / "head", "--faces", output / "faces", "-o", bundle)
    me = _verify(output / "photos/probes/me", bundle)
    others = _verify(output / "photos/probes/others", bundle)
    _run("eval", bundle, "--faces", output / "faces", "-o", output / "report")
    _summarise(output, me, others, time.perf_counter() - start)


def _draw(output: Path, identities: int, shots: int) -> None:
    from facedge.demo.synthetic_dataset import write_photo_folders, write_synthetic_celeba
    from facedge.files import storage_errors

    _console.say(f"drawing faces of {identities} people that do not exist into {output}")
    with storage_errors(output):
        write_synthetic_celeba(output / "celeba", identities=identities, images_per_identity=shots, workers=2)
        write_photo_folders(output / "photos", me_images=8, others=60, probes=100, workers=2)


def _run(*words: object, allowed: tuple[int, ...] = (0,)) -> None:
    """Show one command as it would be typed and run it; its own error ends the demo, as does another exit code."""
    from facedge.cli import application

    args = [str(word) for word in words]
    _console.say("")
    _console.say(f"$ facedge {shlex.join(args)}")
    code = application(args[0])(args=args, standalone_mode=False)  # the code of a typer.Exit, which it does not raise
    if isinstance(code, int) and code not in allowed:
        raise typer.Exit(code)


def _verify(folder: Path, bundle: Path) -> list[dict[str, Any]]:
    """The decisions of `facedge verify --json` on every photo in a folder; their count is shown."""
    from facedge.demo.summary import count_decisions

    captured = io.StringIO()
    with contextlib.redirect_stdout(captured):
        _run("verify", folder, "--bundle", bundle, "--json", allowed=(0, 1))  # 1: some are rejected
    decisions = [json.loads(line) for line in captured.getvalue().splitlines()]
    _console.say(count_decisions(decisions))
    return decisions


def _summarise(output: Path, me: list[dict[str, Any]], others: list[dict[str, Any]], seconds: float) -> None:
    from facedge.demo.summary import CLOSING, summary_rows

    report = json.loads((output / "report/report.json").read_text(encoding="utf-8"))
    manifest = json.loads((output / "me.facedge/manifest.json").read_text(encoding="utf-8"))
    _console.say("")
    for name, value, remark in summary_rows(report, manifest, me, others):
        print(f"{name:<20} {value:>8}   {remark}")
    print(f"{'time':<20} {seconds:>7.0f}s   drawing, training and evaluation", flush=True)
    for line in (
        "",
        f"The report is {output / 'report/report.html'}, the bundle {output / 'me.facedge'}.",
        *CLOSING.splitlines(),
    ):
        _console.say(line)
