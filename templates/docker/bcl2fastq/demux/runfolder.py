"""A run folder as Illumina's instruments write it."""

import fnmatch
import hashlib
import os
import re
from typing import NamedTuple

from demux.process import INCOMPLETE_RUN, Failure

# Pictures, and what an instrument has analysed itself: no demultiplexer reads them.
NEVER_READ = ("Images/*", "Thumbnail_Images/*", "Analysis/*")

# NextSeq 1000 and 2000, NovaSeq X and MiSeq i100 go on copying when the base calling is complete.
COPIED_AFTERWARDS = re.compile(r"VH|VL|LH|SH|SL")


class File(NamedTuple):
    size: int
    seconds: int


def read_lanes(lanes, tiles):
    """The lanes whose data is read; none: all of them. Tiles are regular expressions, of which only the plain ones tell."""
    if lanes or not tiles:
        return list(lanes)
    found = [re.match(r"s_([1-8])(?:_|$)", each) for each in tiles.split(",")]
    return sorted({match[1] for match in found}) if all(found) else []


def left_out(lanes):
    """What is not fetched, as patterns of `aws s3 sync`. Everything outside of the lanes' folders is the run's."""
    if not lanes:
        return list(NEVER_READ)
    others = f"L00[!{''.join(lanes)}]/*"
    return [*NEVER_READ, f"Data/Intensities/{others}", f"Data/Intensities/BaseCalls/{others}"]


def without(files, patterns):
    return {path: file for path, file in files.items() if not any(fnmatch.fnmatchcase(path, each) for each in patterns)}


def refuse_incomplete(run, names):
    """`names`: what lies at the top of the run folder."""
    instrument = (run.split("_") + [""])[1]
    marks = ["CopyComplete.txt"] if COPIED_AFTERWARDS.match(instrument) else ["RTAComplete.txt", "CopyComplete.txt"]
    if not any(mark in names for mark in marks):
        missing = " nor ".join(marks)
        raise Failure(
            f"{run} is not complete: it has {'neither' if len(marks) > 1 else 'no'} {missing}; "
            "submit again when it has been uploaded to its end, or give force=yes",
            code=INCOMPLETE_RUN,
        )


def fingerprint(files):
    """What the reads are made from, in short; None when nothing is known."""
    rows = [f"{path}\t{file.size}\t{file.seconds}\n" for path, file in files.items() if decides(path)]
    return hashlib.sha256("".join(sorted(rows)).encode()).hexdigest() if rows else None


def decides(path):
    return path.startswith("Data/") or path == "RunInfo.xml"


def files_of(folder):
    """The folder's files in the same words as a listing of S3; `aws s3 sync` gives a file its object's time."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            about = os.stat(path)
            found[os.path.relpath(path, folder)] = File(about.st_size, int(about.st_mtime))
    return found
