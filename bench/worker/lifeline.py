"""A worker never outlives its parent, however that dies and also while the worker is suspended.

Linux: the kernel kills it (PR_SET_PDEATHSIG reaches stopped processes too). macOS and the BSDs: a thread blocked in
kqueue waits for the parent's exit, and a stopped worker's orphaned process group gets SIGHUP and SIGCONT. Windows: the
parent's job object kills on close (bench/process/windows_job.py).
"""

import os
import select
import signal
import sys
import threading


def die_with(parent: int) -> None:
    """End this process when process `parent` ends."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    elif hasattr(select, "kqueue"):
        threading.Thread(target=_wait_for_exit, args=(parent,), daemon=True).start()
    if sys.platform != "win32" and os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _wait_for_exit(parent: int) -> None:
    queue = select.kqueue()  # type: ignore[attr-defined]
    event = select.kevent(parent, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)  # type: ignore[attr-defined]
    queue.control([event], 1)
    os._exit(1)
