"""The web page built, served on loopback and driven in headless Chromium: for hosts.py, pictures.py and the tests."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from absent import AbsentError

from facedge.bundle import Bundle
from facedge.types import UInt8Array

WEB = Path(__file__).resolve().parents[1] / "web"
DRIVER = Path(__file__).with_name("drive_page.mjs")
PACKAGES = ("onnxruntime-web", "fflate", "playwright-core", "axe-core")


def chromium() -> str:
    """The browser's path; AbsentError with what to install where something that the page needs is absent."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            raise AbsentError(f"the web page needs {tool}: install Node.js 18 or newer")
    if not all((WEB / "node_modules" / package).is_dir() for package in PACKAGES):
        raise AbsentError("needs `npm ci --ignore-scripts` in deploy/web")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        raise AbsentError("needs chromium: apt install chromium")
    return found


def build(bundle: Path, out: Path) -> Path:
    """Run build.sh; AssertionError with its message where it fails."""
    done = run_build(bundle, "-o", out)
    assert done.returncode == 0, done.stderr
    return out


def run_build(*arguments: object) -> subprocess.CompletedProcess[str]:
    """build.sh with this Python and these arguments."""
    command = ["env", f"PYTHON={sys.executable}", str(WEB / "build.sh"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@contextmanager
def served(folder: Path, hits: list[str] | None = None) -> Iterator[str]:
    """Serve the folder on loopback and yield its address; request lines are added to `hits`."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            if hits is not None:
                hits.append(format % args)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def drive(task: str, site: Path, browser: str, scratch: Path, *, tries_to_leave: bool = False, **options: Any) -> Any:
    """Run one task of drive_page.mjs on the site; AssertionError where the page logs a problem or asks another host."""
    net_log = scratch / "net.json"
    with served(site) as url:
        asked = {"task": task, "url": url, "chromium": browser, "netLog": str(net_log), **options}
        done = subprocess.run(["node", str(DRIVER), json.dumps(asked)], capture_output=True, text=True, timeout=600)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    assert "failure" not in answer, f"{answer['failure']} while the page showed {answer['shown']!r}"
    if not tries_to_leave:  # the browser refuses such requests, and logs it, before they reach the network
        assert answer["problems"] == [], answer["problems"]
        assert {urlsplit(address).netloc for address in answer["requests"]} == {urlsplit(url).netloc}
    assert requested_by(net_log, url) <= {urlsplit(url).netloc}
    return answer["result"]


def put_photo(site: Path, rgb: UInt8Array, name: str, bundle: str) -> dict[str, Any]:
    """Pixels (H, W, 3) for the task `photos`, to be judged by the site's bundle in that folder."""
    (site / "kit").mkdir(exist_ok=True)
    (site / "kit" / name).write_bytes(rgb.tobytes())
    return {"name": name, "height": rgb.shape[0], "width": rgb.shape[1], "bundle": bundle}


def golden_answers(bundle: Bundle, debug: bytes, site: Path, browser: str, scratch: Path) -> list[dict[str, Any]]:
    """The outputs in the page of `debug`, a debug build of verifier.onnx, for every golden vector of the bundle."""
    kit = site / "kit"
    kit.mkdir(exist_ok=True)
    for name in bundle.files:
        if name.startswith("golden"):
            (kit / name).write_bytes(bundle.files[name])
    (kit / "debug.onnx").write_bytes(debug)
    images = [{"name": c["name"], "image": c["image"]} for c in json.loads(bundle.files["golden.json"])["cases"]]
    (scratch / "cases.json").write_text(json.dumps({"cases": images, "files": {"model": "debug.onnx"}}))
    answers: list[dict[str, Any]] = drive("golden", site, browser, scratch, cases=str(scratch / "cases.json"))
    return answers


def requested_by(net_log: Path, site: str) -> set[str]:
    """The hosts that the site's pages sent requests to, from Chromium's network log."""
    log = json.loads(net_log.read_text())
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = [
        event["params"] for event in log["events"] if event["type"] == start and "url" in event.get("params", {})
    ]
    own = [p for p in started if str(p.get("initiator", "")).startswith(site.rstrip("/"))]
    assert own, "the network log holds no request of the page"
    return {urlsplit(p["url"]).netloc for p in own}
