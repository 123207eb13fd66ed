#!/usr/bin/env python3
"""Demultiplexes one Illumina run with bcl2fastq or BCL Convert, or copies runs to the file system.

The exit code is that of the first part that failed. What stands under its final name is complete: everything is made
under a hidden name beside it and renamed at the end.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

# What a parameter of a Batch job says when it has nothing to say: a command cannot hold an empty word.
UNSET = ("", "auto", "all")

STOPPING = {signal.SIGTERM, signal.SIGINT}


class Failure(Exception):
    def __init__(self, message, code=1):
        super().__init__(message)
        self.code = code


def main(words=None):
    for each in STOPPING:
        signal.signal(each, stop)
    options = parser().parse_args(words)
    try:
        options.verb(options)
    except Failure as failure:
        say(f"failed: {failure}")
        return failure.code
    except OSError as error:
        say(f"failed: {error}")
        return 1
    return 0


def stop(number, _frame):
    """Batch sends SIGTERM, and SIGKILL 30 seconds later: one signal ends the job, the cleaning is not interrupted."""
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def split(options):
    """Fetches the run to the scratch disk and demultiplexes it from there."""
    with scratch_folder(options) as work:
        sheet = fetch_sheet(options, work)
        if not is_done(options, sheet):
            run_folder = work / options.run
            fetch_run(options, options.run, run_folder)
            if options.keep_scratch:
                run_folder = put_in_place(run_folder, options.scratch / options.run)
            demultiplex(options, run_folder, sheet)
    deliver(options)


def rerun(options):
    """Demultiplexes again what is already on the scratch disk or on the file system; fetches only the sample sheet."""
    places = [options.scratch / options.run, options.fastq / options.run]
    run_folder = next((place for place in places if place.is_dir()), None)
    if run_folder is None:
        raise Failure(f"{options.run} is neither at {places[0]} nor at {places[1]}")
    with scratch_folder(options) as work:
        sheet = fetch_sheet(options, work)
        if not is_done(options, sheet):
            demultiplex(options, run_folder, sheet)
    deliver(options)


def copy(options):
    """Copies runs to the file system; a copy that was cut short is taken up where it stopped."""
    for run in options.runs:
        final = options.fastq / run
        partial = final if final.is_dir() else options.fastq / f".{run}.partial"
        # What a download that was cut short left in it is no part of the run.
        fetch_run(options, run, partial, *([] if partial == final else ["--delete"]))
        if partial != final:
            partial.rename(final)
        say(f"{run} is at {final}")


@contextlib.contextmanager
def scratch_folder(options):
    """A folder of this job's own, locked while the job lives; one without a lock was left by a killed job, and goes."""
    options.scratch.mkdir(parents=True, exist_ok=True)
    work = options.scratch / f".{options.run}.{job()}.work"
    with contextlib.ExitStack() as mine:
        with locked(options.scratch):
            for left in options.scratch.glob(".*.work"):
                with contextlib.suppress(BlockingIOError, FileNotFoundError), locked(left, fcntl.LOCK_NB):
                    remove(left)
            work.mkdir()
            mine.enter_context(locked(work))
        try:
            yield work
        finally:
            remove(work)


@contextlib.contextmanager
def locked(folder, how=0):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def uninterrupted():
    """A signal waits until it is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def remove(folder):
    with uninterrupted():
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(made, final):
    """Gives a complete folder its name; the one that had it before goes afterwards."""
    old = final.with_name(f".{final.name}.{job()}.old")
    remove(old)
    with uninterrupted():
        if final.exists():
            final.rename(old)
        made.rename(final)
        remove(old)
    return final


def fetch_run(options, run, folder, *how):
    aws("s3", "sync", "--only-show-errors", *how, f"{options.source}/{run}", str(folder))
    # aws s3 sync has no word to say about a prefix without objects, and makes the folder all the same.
    if not folder.is_dir() or not any(folder.iterdir()):
        raise Failure(f"there is nothing at {options.source}/{run}")


def fetch_sheet(options, work):
    source = options.sheet or f"{options.source}/{options.run}.csv"
    if not source.startswith("s3://"):
        if not Path(source).is_file():
            raise Failure(f"there is no sample sheet {source}")
        return Path(source)
    sheet = work / f"{options.run}.csv"
    aws("s3", "cp", "--only-show-errors", source, str(sheet))
    return sheet


def demultiplex(options, run_folder, sheet):
    final = options.splited / options.name
    partial = options.splited / f".{options.name}.{job()}.partial"
    remove(partial)
    partial.mkdir(parents=True)
    try:
        run_command(options.program, *PROGRAMS[options.program](options, run_folder, sheet, partial), *choices(options))
        (partial / "split.json").write_text(json.dumps(record(options, sheet), indent=2) + "\n")
        put_in_place(partial, final)
    finally:
        remove(partial)
    say(f"{options.run} is split at {final}")


def bcl2fastq(options, run_folder, sheet, output):
    threads = str(options.threads or available_cpus())
    return (
        *("--runfolder-dir", str(run_folder), "--sample-sheet", str(sheet), "--output-dir", str(output)),
        *("--loading-threads", threads, "--processing-threads", threads, "--writing-threads", threads),
        *("--min-log-level", options.log_level),
    )


def bcl_convert(options, run_folder, sheet, output):
    """Without a number of threads BCL Convert spreads its work itself."""
    kinds = ("conversion", "compression", "decompression") if options.threads else ()
    return (
        *("--bcl-input-directory", str(run_folder), "--sample-sheet", str(sheet), "--output-directory", str(output)),
        "--force",  # The folder is there already.
        *(word for kind in kinds for word in (f"--bcl-num-{kind}-threads", str(options.threads))),
    )


PROGRAMS = {"bcl2fastq": bcl2fastq, "bcl-convert": bcl_convert}


def choices(options):
    """What decides what comes out, as the program's arguments."""
    if options.program == "bcl-convert":
        return ["--bcl-only-lane", *options.lanes] if options.lanes else []
    words = ["--ignore-missing-bcls"] if options.ignore_missing_bcls else []
    tiles = options.tiles or ",".join(f"s_{lane}" for lane in options.lanes)
    if tiles:
        words += ["--tiles", tiles]
    if options.mask:
        words += ["--use-bases-mask", options.mask]
    if options.mismatches:
        words += ["--barcode-mismatches", options.mismatches]
    return words


def refuse_what_bcl_convert_cannot(options):
    """Its sample sheet says what bcl2fastq is told by arguments."""
    if options.mask or options.mismatches:
        raise Failure("BCL Convert takes mask and mismatches from the sample sheet's settings", code=2)
    if options.tiles or options.ignore_missing_bcls or len(options.lanes) > 1:
        raise Failure("with BCL Convert a job takes one lane or all of them", code=2)


def record(options, sheet):
    digest = hashlib.sha256(sheet.read_bytes()).hexdigest()
    return {"program": options.program, "run": options.run, "arguments": choices(options), "sheetSha256": digest}


def is_done(options, sheet):
    """True when the very same work stands complete, as after a retry; other work under the name is not overwritten."""
    final = options.splited / options.name
    if options.replace or not final.exists():
        return False
    try:
        done = json.loads((final / "split.json").read_text())
    except (OSError, ValueError):
        done = None
    if done != record(options, sheet):
        raise Failure(f"{final} holds other output; give --replace, or another --name", code=3)
    say(f"{final} is complete already")
    return True


def deliver(options):
    if options.destination:
        output = options.splited / options.name
        there = f"{options.destination}/{options.name}"
        aws("s3", "sync", "--only-show-errors", "--exclude", "split.json", str(output), there)
        # Goes last: an upload that was cut short is told by its absence.
        aws("s3", "cp", "--only-show-errors", str(output / "split.json"), f"{there}/split.json")
        say(f"{options.name} is at {there}")


def aws(*words):
    run_command("aws", *words)


def run_command(*words):
    """Runs a program to its end with its output in the job's log; its failure is ours."""
    say(shlex.join(words))
    # A signal waits until there is a child to end, and the child itself does not wait for it.
    release = lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # noqa: E731
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=release)
    except FileNotFoundError:
        release()
        raise Failure(f"there is no program {words[0]}", code=127) from None
    try:
        release()
        code = child.wait()
    except BaseException:
        end(child)
        raise
    if code != 0:
        code = code if code > 0 else 128 - code
        raise Failure(f"{words[0]} ended with {code}", code=code)


def end(child):
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def say(text):
    print(f"split: {text}", file=sys.stderr, flush=True)


def job():
    """The same for every attempt of one Batch job, so that an attempt clears what the one before left."""
    return os.environ.get("AWS_BATCH_JOB_ID", f"pid{os.getpid()}").replace(":", "-")


def available_cpus():
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cpus = min(cpus, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return max(1, cpus)


def run_name(text):
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a run")
    return text


def s3_prefix(text):
    if text in UNSET:
        return None
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/.*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address like s3://bucket/prefix")
    return text.rstrip("/")


def lanes(text):
    if text in UNSET:
        return []
    words = text.split(",")
    if not all(re.fullmatch(r"[1-8]", word) for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'all' nor lanes like 1 or 1,2")
    return words


def optional(text):
    return None if text in UNSET else text


def mismatches(text):
    if text in UNSET:
        return None
    if not re.fullmatch(r"[0-2](,[0-2])?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 0, 1 or 2, or one of them for each index")
    return text


def threads(text):
    if text in UNSET:
        return None
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'auto' nor a number of threads")
    return int(text)


def parser():
    from_environment = os.environ.get
    top = argparse.ArgumentParser(prog="split.py", description=__doc__.splitlines()[0])
    verbs = top.add_subparsers(required=True, metavar="split | rerun | copy")

    source = argparse.ArgumentParser(add_help=False)
    source.add_argument(
        "--source",
        type=s3_prefix,
        default=from_environment("SPLIT_SOURCE"),
        help="where runs and sample sheets lie: s3://bucket/prefix (SPLIT_SOURCE)",
    )
    source.add_argument("--fastq", type=Path, default=Path("/fsx/fastq"), help="where copied runs lie")

    work = argparse.ArgumentParser(add_help=False)
    work.add_argument("run", type=run_name)
    work.add_argument(
        "--program",
        choices=list(PROGRAMS),
        default=from_environment("SPLIT_PROGRAM", "bcl2fastq"),
        help="what demultiplexes (SPLIT_PROGRAM)",
    )
    work.add_argument("--sheet", type=optional, help="sample sheet, a path or s3 address; default: SOURCE/RUN.csv")
    work.add_argument("--name", type=run_name, help="name of the output; default: the run's")
    work.add_argument("--lane", dest="lanes", type=lanes, default=[], help="1 or 1,2; default: all")
    work.add_argument("--tiles", type=optional, help="bcl2fastq's own selection, instead of --lane")
    work.add_argument("--mask", type=optional, help="bases mask like Y151,I8,N8,Y151; default: from the run")
    work.add_argument("--mismatches", type=mismatches, help="barcode mismatches; default: bcl2fastq's")
    work.add_argument("--ignore-missing-bcls", action="store_true", help="read missing cycles as N")
    work.add_argument("--threads", type=threads, default="auto", help="default: all that this job may use")
    work.add_argument("--log-level", default="WARNING", help="bcl2fastq's")
    work.add_argument("--replace", action="store_true", help="replace other output under the same name")
    work.add_argument("--scratch", type=Path, default=Path("/data"), help="local disk for the run folder")
    work.add_argument("--splited", type=Path, default=Path("/fsx/splited"), help="where the output stays")
    work.add_argument(
        "--destination",
        type=s3_prefix,
        default=from_environment("SPLIT_DESTINATION"),
        help="s3://bucket/prefix that gets a copy of the output (SPLIT_DESTINATION)",
    )

    verb = verbs.add_parser("split", parents=[source, work], help=split.__doc__)
    verb.add_argument("--keep-scratch", action="store_true", help="leave the run folder for rerun")
    verb.set_defaults(verb=with_names(split, "source"))
    verbs.add_parser("rerun", parents=[source, work], help=rerun.__doc__).set_defaults(verb=with_names(rerun))
    verb = verbs.add_parser("copy", parents=[source], help=copy.__doc__)
    verb.add_argument("runs", nargs="+", type=run_name)
    verb.set_defaults(verb=with_names(copy, "source"))
    return top


def with_names(verb, *needed):
    """The verb, after what its options leave open is filled in or refused."""

    def checked(options):
        for name in needed:
            if getattr(options, name) is None:
                raise Failure(f"--{name} is missing", code=2)
        if "run" in options:
            if options.sheet is None and options.source is None:
                raise Failure("neither --source nor --sheet says where the sample sheet is", code=2)
            if options.program == "bcl-convert":
                refuse_what_bcl_convert_cannot(options)
            options.name = options.name or options.run
        verb(options)

    return checked


if __name__ == "__main__":
    sys.exit(main())
