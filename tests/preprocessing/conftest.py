"""Every case runs on every implementation that this machine has, and all must give the same bits."""

import pytest

from facedge.preprocessing import kernel


@pytest.fixture(params=kernel.NAMES)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Forces one implementation; skips those that this build or CPU does not have."""
    name: str = request.param
    if name not in kernel.available():
        pytest.skip(f"this build or CPU has no {name} kernel")
    monkeypatch.setenv("FACEDGE_KERNEL", name)
    return name
