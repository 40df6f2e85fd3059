"""The web page for tests: built, served on loopback, driven in headless Chromium."""

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

import pytest

from facedge.bundle import Bundle

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "deploy" / "web"
DRIVER = ROOT / "tests" / "deploy" / "drive_page.mjs"
PACKAGES = ("onnxruntime-web", "playwright-core")


def chromium() -> str:
    """The browser's path; skips the test with the reason where something that it needs is absent."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            pytest.skip(f"the web page's tests need {tool}")
    if not all((WEB / "node_modules" / package).is_dir() for package in PACKAGES):
        pytest.skip("run `npm ci --ignore-scripts` in deploy/web first")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("the web page's tests need chromium")
    return found


def build(bundle: Path, out: Path) -> Path:
    """Run build.sh as a user would; the test fails with what it says."""
    done = run_build(bundle, "-o", out)
    assert done.returncode == 0, done.stderr
    return out


def run_build(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["env", f"PYTHON={sys.executable}", str(WEB / "build.sh"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@contextmanager
def served(folder: Path, hits: list[str] | None = None) -> Iterator[str]:
    """The folder's address on loopback; what was asked for is added to `hits`."""

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
    """Run one task of drive_page.mjs on the site. Fails where the page complains or anything leaves for elsewhere."""
    net_log = scratch / "net.json"
    with served(site) as url:
        asked = {"task": task, "url": url, "chromium": browser, "netLog": str(net_log), **options}
        done = subprocess.run(["node", str(DRIVER), json.dumps(asked)], capture_output=True, text=True, timeout=600)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    assert "failure" not in answer, f"{answer['failure']} while the page showed {answer['shown']!r}"
    if not tries_to_leave:  # such requests are refused, and said to be, before they reach the network
        assert answer["problems"] == []
        assert {urlsplit(address).netloc for address in answer["requests"]} == {urlsplit(url).netloc}
    assert requested_by(net_log, url) <= {urlsplit(url).netloc}
    return answer["result"]


def golden_answers(bundle: Bundle, debug: bytes, site: Path, browser: str, scratch: Path) -> list[dict[str, Any]]:
    """What `debug`, a debug build of verifier.onnx, answers in the page for every golden vector of the bundle."""
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
    """The hosts that Chromium's network log says the site's pages asked for anything."""
    log = json.loads(net_log.read_text())
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = [
        event["params"] for event in log["events"] if event["type"] == start and "url" in event.get("params", {})
    ]
    own = [p for p in started if str(p.get("initiator", "")).startswith(site.rstrip("/"))]
    assert own, "the network log holds no request of the page: it proves nothing"
    return {urlsplit(p["url"]).netloc for p in own}
