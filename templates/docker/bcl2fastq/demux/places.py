"""Folders that jobs share: who may make what, what a killed job left, and names that only complete things have."""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from demux.process import BUSY, OTHER_OUTPUT, Failure, job, say, uninterrupted

# How long nothing may have changed in a hidden folder that no lock belongs to.
ABANDONED_AFTER_SECONDS = 24 * 3600


@contextlib.contextmanager
def hold(folder, name, patience):
    """The right to make `name` in a folder that other nodes see, too.

    The lock is on a file: Lustre keeps locks on folders to the node they were taken on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f".{name}.lock"
    descriptor = wait_for(lock, patience)
    try:
        yield
    finally:
        give_back(lock, descriptor)


def wait_for(lock, patience):
    """A node that is gone keeps its locks until Lustre has missed it for some minutes."""
    until = time.monotonic() + patience
    pause = 0.1
    told = False
    while (descriptor := try_lock(lock)) is None:
        if time.monotonic() >= until:
            raise Failure(f"{holder(lock)} is at work on {final_of(lock)}; try again when it has ended", code=BUSY)
        if pause > 1 and not told:
            say(f"{holder(lock)} is at work on {final_of(lock)}: waiting up to {patience:g} seconds")
            told = True
        time.sleep(min(pause, max(0.0, until - time.monotonic())))
        pause = min(2 * pause, 2.0)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{job()}\n".encode(), 0)
    return descriptor


def try_lock(lock):
    """None while another has it. Whoever gives it back removes the file, so that a locked one may be nobody's any more."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(lock)):
                os.set_inheritable(descriptor, True)
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise Failure(f"{lock} cannot be locked, is it mounted with flock? {error}") from None
        os.close(descriptor)


def give_back(lock, descriptor):
    with uninterrupted():
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def holder(lock):
    with contextlib.suppress(OSError):
        if who := lock.read_text().strip():
            return f"job {who}"
    return "another job"


def final_of(hidden):
    """What a lock, or a hidden folder, is about."""
    return hidden.with_name(hidden.name[1:].rpartition(".")[0])


def left_of(lock):
    return lock.with_suffix(".partial")


def clear(folder, name):
    """Removes what was half made under the name; what was just being replaced is put back."""
    left = folder / f".{name}.partial"
    with uninterrupted():
        old, final = left / "old", folder / name
        if old.exists() and not final.exists():
            old.rename(final)
        remove(left)


def sweep(folder):
    """Frees what killed jobs left behind, under whatever name."""
    folder.mkdir(parents=True, exist_ok=True)
    orphans = [left for left in folder.glob(".*.partial") if not left.with_suffix(".lock").exists() and abandoned(left)]
    for lock in [*folder.glob(".*.lock"), *(left.with_suffix(".lock") for left in orphans)]:
        descriptor = try_lock(lock)
        if descriptor is None:
            continue
        try:
            if left_of(lock).exists():
                say(f"clearing what {holder(lock)} left of {final_of(lock)}")
                clear(folder, final_of(lock).name)
        finally:
            give_back(lock, descriptor)


def abandoned(left):
    """Earlier versions took no locks, so only the time can tell."""
    with contextlib.suppress(OSError):
        newest = max(os.lstat(path).st_mtime for path in [left, *left.rglob("*")])
        return time.time() - newest > ABANDONED_AFTER_SECONDS
    return False


@contextlib.contextmanager
def making(folder, name):
    """A hidden folder of this attempt alone; its name belongs to nobody else, even when a lock was lost on the way."""
    made = folder / f".{name}.partial" / secrets.token_hex(4)
    made.mkdir(parents=True)
    try:
        yield made
    finally:
        clear(folder, name)


def put_in_place(made, final, replace):
    """Gives what was made its name. A rename never replaces a folder with something in it, whoever put that there."""
    old = made.parent / "old"
    with uninterrupted():
        if replace and final.exists():
            final.rename(old)
        try:
            made.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            reason = f"{final} has come there meanwhile; give replace=yes, or a name"
            if old.exists():
                aside = final.with_name(f"{final.name}.{made.name}")
                old.rename(aside)
                reason = f"{reason}. What was there before is at {aside}"
            raise Failure(reason, OTHER_OUTPUT) from None
        flush(final.parent)


def flush(path):
    """To the disk: a name must not outlive a power cut that its files do not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def scratch_folder(scratch, run):
    """A folder of this job's own on the node, locked while the job lives; one without a lock was left by a killed job."""
    scratch.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as mine:
        with locked(scratch):
            for left in scratch.glob(".*.work"):
                with contextlib.suppress(BlockingIOError, FileNotFoundError), locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    remove(left)
            work = Path(tempfile.mkdtemp(prefix=f".{run}.{job()}.", suffix=".work", dir=scratch))
            mine.enter_context(locked(work))
        try:
            yield work
        finally:
            remove(work)


@contextlib.contextmanager
def locked(folder, how=fcntl.LOCK_EX):
    """Holds among the jobs of one node."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        os.set_inheritable(descriptor, True)
        yield
    finally:
        os.close(descriptor)


def keep_for_rerun(run_folder, final):
    """Leaves a run folder on the node's disk; one that a job reads just now is not taken from under it."""
    with locked(final.parent):
        try:
            if final.exists():
                with locked(final, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    final.rename(run_folder.with_name("old"))
        except BlockingIOError:
            say(f"another job works on {final}: this one's run folder is not kept")
            return run_folder
        run_folder.rename(final)
    return final


def remove(folder):
    with uninterrupted():
        shutil.rmtree(folder, ignore_errors=True)
