"""A command of an aarch64 program under qemu, as on a Raspberry Pi 4."""

import shutil
import subprocess
from pathlib import Path

EMULATOR = "qemu-aarch64-static"
CORE = "processor\t: {}\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
CORE += "CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"


def emulated(program: Path, scratch: Path) -> tuple[list[str], str]:
    """(the command, "") or ([], why it cannot run).

    qemu before 8 shows programs the host's /proc/cpuinfo, which onnxruntime cannot read: a Pi's takes its place.
    """
    if not shutil.which(EMULATOR):
        return [], f"no {EMULATOR}: apt-get install qemu-user-static"
    (scratch / "cpuinfo").write_text("".join(CORE.format(core) for core in range(4)))
    root = ["unshare", "-m", "sh", "-c", f'mount --bind {scratch}/cpuinfo /proc/cpuinfo && exec "$@"', "sh"]
    if subprocess.run([*root, "true"], capture_output=True, check=False).returncode != 0:
        return [], "needs the right to mount in a namespace of its own"
    return [*root, EMULATOR, "-cpu", "cortex-a72", "-L", "/usr/aarch64-linux-gnu", str(program)], ""
