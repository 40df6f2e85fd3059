"""An HTTP endpoint on this machine only: POST a photo, get a decision.

pip install fastapi uvicorn
FACEDGE_PERSON=ana uvicorn --app-dir examples http_endpoint:app --host 127.0.0.1 --port 8000
curl --data-binary @photo.jpg http://127.0.0.1:8000/verify

No authentication and no TLS: never bind it to another address than 127.0.0.1. Whoever may send photos may also try
photos: failed attempts are counted together with those at a camera, and after five in a row nobody is judged for 30 s.
"""

import os
import threading
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

import facedge
from facedge.live.lockout import open_lockout

MOST_BYTES = 20_000_000

app = FastAPI(title="facedge")
verifier = facedge.load(os.environ["FACEDGE_PERSON"])
lockout, turn = open_lockout(verifier.bundle.path), threading.Lock()


def judge(photo: bytes) -> facedge.Decision:
    """The decision about the bytes of an image file; 429 while locked, 422 for what is no image."""
    with turn:
        if lockout.remaining(lockout.clock.uptime()) > 0:
            raise HTTPException(429, "too many failed attempts: try again later")
        try:
            decision = verifier.verify(photo)
        except facedge.FacedgeError as problem:
            raise HTTPException(422, str(problem)) from problem
        if decision.accepted:
            lockout.succeed()
        elif decision.score is not None:
            lockout.fail(lockout.clock.uptime())
        return decision


@app.post("/verify")
async def verify(request: Request) -> dict[str, Any]:
    """The same JSON as a line of `facedge verify --json`."""
    photo = bytearray()
    async for part in request.stream():
        photo += part
        if len(photo) > MOST_BYTES:
            raise HTTPException(413, f"expected at most {MOST_BYTES:,} bytes")
    return (await run_in_threadpool(judge, bytes(photo))).to_record("request")
