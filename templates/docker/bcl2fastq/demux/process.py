"""Programs that a job runs, signals that end it, and what it says."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time

STOPPING = {signal.SIGTERM, signal.SIGINT}

# Exit codes; README.md says the same.
FAILED = 1
UNUSABLE = 2
OTHER_OUTPUT = 3
BUSY = 4
INCOMPLETE_RUN = 5
NO_ROOM = 6


def of_program(code):
    """A program's own exit code, unless one of ours means something else."""
    return FAILED if UNUSABLE <= code <= NO_ROOM else code


class Failure(Exception):
    def __init__(self, message, code=FAILED):
        super().__init__(message)
        self.code = code


def say(text):
    print(f"split: {text}", file=sys.stderr, flush=True)


def amount(count):
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            break
        count /= 1000
    else:
        unit = "TB"
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


def minutes(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 100 else f"{seconds:.0f} s"


def job():
    """The same for every attempt of one Batch job."""
    return os.environ.get("AWS_BATCH_JOB_ID", f"pid{os.getpid()}").replace(":", "-")


def stop(number, _frame):
    """Batch sends SIGTERM, and SIGKILL 30 seconds later: one signal ends the job, the cleaning is not interrupted."""
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


@contextlib.contextmanager
def uninterrupted():
    """A signal waits until it is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(*words, meanwhile=None, every=None):
    """Runs a program to its end with its output in the job's log; its failure is ours."""
    with running(words) as child:
        code = ended(child, meanwhile, every)
    if code != 0:
        raise Failure(f"{words[0]} ended with {code}", code=of_program(code))


def answer(*words, listen=True):
    """The exit code of a program, its lines, unless they go to the job's log, and what it complained about."""
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        # Times are told in the time zone of the one who asks.
        environment = {**os.environ, "TZ": "UTC"}
        how = {"stdout": subprocess.PIPE if listen else None, "stderr": complaints, "env": environment}
        with running(words, **how, text=True, errors="replace") as child:
            lines = [line.rstrip("\n") for line in child.stdout] if listen else []
            code = ended(child)
        complaints.seek(0)
        return code, lines, complaints.read().strip()


@contextlib.contextmanager
def running(words, **how):
    """A program that does not outlive us; it holds our locks with us, should we be killed before it."""
    say(shlex.join(words))
    # A signal waits until there is a child to end, and the child itself does not wait for it.
    release = lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # noqa: E731
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, close_fds=False, preexec_fn=release, **how)
    except FileNotFoundError:
        release()
        raise Failure(f"there is no program {words[0]}", code=127) from None
    except BaseException:
        release()
        raise
    try:
        release()
        yield child
    except BaseException:
        end(child)
        raise
    finally:
        if child.stdout:
            child.stdout.close()


def ended(child, meanwhile=None, every=None):
    """The exit code as a shell gives it."""
    while True:
        try:
            code = child.wait(timeout=every)
            return code if code >= 0 else 128 - code
        except subprocess.TimeoutExpired:
            began = time.monotonic()
            meanwhile()
            # Looking takes a twentieth of the time at most.
            every = max(every, 20 * (time.monotonic() - began))


def end(child):
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
