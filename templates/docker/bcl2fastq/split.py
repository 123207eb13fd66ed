#!/usr/bin/env python3
"""Demultiplexes one Illumina run with bcl2fastq or BCL Convert, or copies runs to the file system.

What stands under its final name is complete: everything is made under a hidden name beside it, by one job at a time, and
renamed at the end. The exit code is that of the first part that failed, or one of those in demux/process.py.
"""

import contextlib
import fcntl
import signal
import sys
from pathlib import Path

from demux import bucket, places, program, record, runfolder, words
from demux.process import STOPPING, Failure, run, say, stop


def main(given=None):
    for each in STOPPING:
        signal.signal(each, stop)
    options = words.parser(__doc__.splitlines()[0]).parse_args(words.joined(sys.argv[1:] if given is None else given))
    try:
        VERBS[options.verb](words.completed(options))
    except Failure as failure:
        say(f"failed: {failure}")
        return failure.code
    except OSError as error:
        say(f"failed: {error}")
        return 1
    return 0


def split(options):
    """Fetches the run to the scratch disk and demultiplexes it from there."""
    program.refuse_what_cannot_be(options)
    with at_work(options) as work:
        sheet = fetch_sheet(options, work)
        lanes = runfolder.read_lanes(options.lanes, options.tiles)
        patterns = runfolder.left_out([] if options.whole_run else lanes)
        address = f"{options.source}/{options.run}"
        there = bucket.listing_or_nothing(address)
        files = runfolder.without(there, patterns)
        # Of what is read, however much more is fetched.
        wanted = record.wanted(options, sheet, runfolder.fingerprint(runfolder.without(there, runfolder.left_out(lanes))))
        if not record.is_done(options, wanted):
            if there:
                refuse_incomplete(options, options.run, there)
            bucket.refuse_what_does_not_fit(options.run, files, options.scratch)
            run_folder = work / options.run
            bucket.fetch(address, run_folder, files, *(word for each in patterns for word in ("--exclude", each)))
            refuse_incomplete(options, options.run, names_in(run_folder))
            # Before it is moved to where others look for it: a lock goes with its folder.
            with places.locked(run_folder, fcntl.LOCK_SH):
                if options.keep_scratch:
                    run_folder = places.keep_for_rerun(run_folder, kept(options))
                demultiplex(options, run_folder, sheet, wanted)
        deliver(options, wanted, work)


def rerun(options):
    """Demultiplexes again what is already on the scratch disk or on the file system; fetches only the sample sheet."""
    program.refuse_what_cannot_be(options)
    candidates = [kept(options), options.scratch / options.run, options.fastq / options.run]
    run_folder = next((place for place in candidates if place.is_dir()), None)
    if run_folder is None:
        raise Failure(f"{options.run} is neither at {candidates[0]} nor at {candidates[-1]}")
    with places.locked(run_folder, fcntl.LOCK_SH), at_work(options) as work:
        sheet = fetch_sheet(options, work, run_folder)
        refuse_incomplete(options, options.run, names_in(run_folder))
        patterns = runfolder.left_out(runfolder.read_lanes(options.lanes, options.tiles))
        files = runfolder.without(runfolder.files_of(run_folder), patterns)
        wanted = record.wanted(options, sheet, runfolder.fingerprint(files))
        if not record.is_done(options, wanted):
            demultiplex(options, run_folder, sheet, wanted)
        deliver(options, wanted, work)


def copy(options):
    """Copies runs to the file system; a copy that was cut short is taken up where it stopped."""
    for each in options.runs:
        with places.hold(options.fastq, each, options.wait):
            copy_one(options, each)


def copy_one(options, name):
    final = options.fastq / name
    partial = final if final.is_dir() else options.fastq / f".{name}.partial"
    address = f"{options.source}/{name}"
    files = bucket.listing_or_nothing(address)
    if files:
        refuse_incomplete(options, name, files)
    have = runfolder.files_of(partial)
    missing = {path: file for path, file in files.items() if path not in have or have[path].size != file.size}
    bucket.refuse_what_does_not_fit(name, missing, options.fastq)
    # What a download that was cut short left in it is no part of the run.
    bucket.fetch(address, partial, files, *([] if partial == final else ["--delete"]))
    refuse_incomplete(options, name, names_in(partial))
    if partial != final:
        partial.rename(final)
    say(f"{name} is at {final}")


@contextlib.contextmanager
def at_work(options):
    """The right to make this output, and a folder on the node's disk for it."""
    places.sweep(options.splited)
    with places.hold(options.splited, options.name, options.wait):
        places.clear(options.splited, options.name)
        with places.scratch_folder(options.scratch, options.run) as work:
            yield work


def fetch_sheet(options, work, run_folder=None):
    """Beside the run, else in it: where a lab puts it, and where the instrument does."""
    if options.sheet and options.sheet.startswith("/"):
        if not Path(options.sheet).is_file():
            raise Failure(f"there is no sample sheet {options.sheet}")
        return Path(options.sheet)
    if options.sheet:
        below = not options.sheet.startswith("s3://")
        addresses = [f"{options.source}/{options.sheet}" if below else options.sheet]
    else:
        addresses = [f"{options.source}/{options.run}.csv", f"{options.source}/{options.run}/SampleSheet.csv"]
    for address in addresses:
        sheet = work / f"{options.run}.csv"
        if address.startswith("s3://") and bucket.fetch_file(address, sheet):
            say(f"the sample sheet is {address}")
            return sheet
    if run_folder and not options.sheet and (run_folder / "SampleSheet.csv").is_file():
        return run_folder / "SampleSheet.csv"
    raise Failure(f"there is no sample sheet {' nor '.join(addresses)}")


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def refuse_incomplete(options, name, names):
    if not options.force:
        runfolder.refuse_incomplete(name, names)


def kept(options):
    """On the node's disk; a folder that has some of the lanes says which."""
    whole = getattr(options, "whole_run", False)
    lanes = [] if whole else runfolder.read_lanes(options.lanes, options.tiles)
    return options.scratch / ".".join([options.run, *(f"L00{lane}" for lane in lanes)])


def demultiplex(options, run_folder, sheet, wanted):
    final = options.splited / options.name
    with places.making(options.splited, options.name) as made:
        run(*program.command(options, run_folder, sheet, made))
        with contextlib.suppress(OSError):
            (made / "InterOp").rmdir()
        record.seal(made, wanted, options.checksums)
        places.put_in_place(made, final, options.replace)
    say(f"{options.run} is split at {final}")


def deliver(options, wanted, work):
    if not options.destination:
        return
    output = options.splited / options.name
    # Output of an earlier version has no list of its files.
    if "id" not in record.read(output):
        record.seal(output, wanted, options.checksums)
    bucket.deliver(output, record.read(output), options.destination, work)


VERBS = {"split": split, "rerun": rerun, "copy": copy}

if __name__ == "__main__":
    sys.exit(main())
