"""Makes the pictures of docs/pictures, of drawn people and of the embeddings that come with facedge.

python docs/scripts/pictures.py [FOLDER]

live.svg      the terminal view of `verify --camera`, as rich exports it
scores.svg    genuine and impostor scores of the cohort in the shipped bundle, by the report's own chart
det.svg       the detection error tradeoff of the same scores

The same bundle gives the same bytes. Needs facedge[detect,camera].
"""

import io
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from drawn_photos import ANA, ENROLLED, photo, write_video

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
FRAMES = 60
RATE = 25.0  # frames a second that the view shows: a fixed number, so that the picture is the same every time


def live_view() -> str:
    """The panel after FRAMES frames of a drawn person who is enrolled, as SVG without a font to fetch."""
    from rich.console import Console

    import facedge
    from facedge.camera.streams import open_camera
    from facedge.cli._camera_views import panel
    from facedge.live.watcher import Watcher
    from facedge.runtime.decision import STAGES

    with tempfile.TemporaryDirectory() as folder:
        video = write_video(Path(folder) / "ana.avi")
        watcher = Watcher(facedge.enroll([photo(ANA, shot) for shot in ENROLLED[ANA]]).verifier)
        with open_camera(str(video)) as camera:
            for _ in range(FRAMES):
                frame = camera.next()
                assert frame is not None
                watcher.step(frame)
    view = watcher.view
    assert view.decision is not None
    second = dict.fromkeys(STAGES[1:], 1000.0)  # shown as 1 a second, which the picture leaves out below
    view.decision = type(view.decision)(**{**vars(view.decision), "ms": second})
    console = Console(record=True, width=74, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(panel(view, watcher.threshold, RATE))
    svg = console.export_svg(title="facedge verify --camera 0 -b ana", unique_id="live")
    svg = re.sub(rf"({'|'.join(STAGES)})(&#160;)1\b", r"\1\2…", svg)
    return re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL)


def cohort_charts() -> dict[str, str]:
    """The two charts of all pairs of the cohort's embeddings."""
    from facedge.bundle import read_bundle
    from facedge.bundle.cohort import read_cohort
    from facedge.bundle.resolve import pretrained
    from facedge.metrics.comparisons import all_pairs, balanced_choice
    from facedge.metrics.intervals import Bootstrap
    from facedge.report.charts import det_chart, score_chart
    from facedge.report.verification import operating_threshold, verification_section

    cohort = read_cohort(read_bundle(pretrained()).files)
    assert cohort is not None
    embeddings, identities = cohort
    chosen = balanced_choice(identities, 4000)
    pairs = all_pairs(embeddings[chosen], identities[chosen])
    section = verification_section(pairs, images=len(chosen), bootstrap=Bootstrap(200))
    return {
        "scores.svg": standalone(score_chart(section, operating_threshold(section))),
        "det.svg": standalone(det_chart(section, None)),
    }


def standalone(svg: str) -> str:
    """A chart of the report as a file of its own, with the report's colours for light and dark pages."""
    from facedge.report.render import CSS

    colours = re.search(r":root \{.*?\n\}\n@media \(prefers-color-scheme: dark\) \{.*?\n\}\n", CSS, re.DOTALL)
    assert colours is not None
    rules = "\n".join(line for line in CSS.splitlines() if re.match(r"(\.|svg ).*\{.*\}$", line))
    text = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return text.replace(">\n", f">\n<style>{colours[0].replace(':root', 'svg')}{rules}</style>\n", 1) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write all pictures."""
    folder = Path(arguments[0]) if arguments else PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"live.svg": live_view(), **cohort_charts()}.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main(sys.argv[1:])
