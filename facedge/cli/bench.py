"""`facedge bench`: time of every stage, cold start and memory of a bundle on this device."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from facedge.cli import _console
from facedge.cli._console import styled
from facedge.cli._options import BundleOption, JsonOption, one_photo

if TYPE_CHECKING:
    from facedge.runtime.bench import Benchmark, Timing


def bench(
    bundle: BundleOption = None,
    photo: Annotated[
        str | None,
        typer.Option(
            "--photo",
            metavar="FILE",
            help="Photo to decode and to find a face in, - for stdin.",
            show_default="a drawn frame",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="SECONDS", min=0, max=600, help="Time to spend on each group.")
    ] = 2.0,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            "--threads", metavar="N", min=1, max=256, help="Threads to try; repeatable.", show_default="1 to all cores"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Time on this device: every stage, every precision, 1 to n threads, the cold start and the memory."""
    from facedge.bundle import read_bundle
    from facedge.bundle.resolve import resolve_bundle
    from facedge.runtime.bench import bench as measure

    _console.say("measuring; a busy or hot device gives other figures than an idle one")
    image = one_photo(photo) if photo is not None else None
    found = measure(read_bundle(resolve_bundle(bundle)), photo=image, seconds=seconds, threads=threads or ())
    if as_json:
        _console.emit_json(found.to_record())
    else:
        print("\n".join(table(found)))


def table(found: "Benchmark") -> Iterable[str]:
    """The lines of the table, the row for a list of devices last."""
    from facedge.formatting import counted, printable
    from facedge.runtime.bench import LINE_HEAD

    yield styled(found.device, "bold")
    yield f"  facedge {found.facedge}, onnxruntime {found.onnxruntime}, kernel {found.kernel}"
    yield f"  bundle {printable(found.bundle)} ({found.sha256[:12]})"
    yield "\n" + styled("One photo, one thread", "bold") + "      median    10 %    90 %"
    yield from _rows(found.stages)
    if found.without:
        yield f"  {styled('without detect: ' + found.without, 'dim')}"
    for precision, by_threads in found.backbone.items():
        yield "\n" + styled(f"Backbone {precision}", "bold")
        yield from _rows({counted(n, "thread"): timing for n, timing in by_threads.items()})
    yield "\n" + styled("Cold start", "bold")
    yield f"  first embedding of a fresh process after {found.cold_ms:.0f} ms, {found.memory_mb:.0f} MB of memory"
    yield f"\n{LINE_HEAD}\n{'|---' * (LINE_HEAD.count('|') - 1)}|\n{found.line()}"


def _rows(timings: Mapping[str, "Timing"]) -> Iterable[str]:
    for name, timing in timings.items():
        yield f"  {name:<20} {timing.median:8.3f} ms {timing.low:7.3f} {timing.high:7.3f}"
