"""What demultiplexes: bcl2fastq and BCL Convert, and the words that each wants."""

import json
import math
import os
import re
from pathlib import Path

from demux.process import UNUSABLE, Failure

# Of both: what split.py says itself, and the parameter that says it.
OURS = {
    "bcl2fastq": {
        **dict.fromkeys(["-R", "--runfolder-dir", "-i", "--input-dir", "-o", "--output-dir", "--interop-dir"], None),
        **dict.fromkeys(["--sample-sheet"], "sheet"),
        **dict.fromkeys(["--tiles"], "tiles"),
        **dict.fromkeys(["--use-bases-mask"], "mask"),
        **dict.fromkeys(["--barcode-mismatches"], "mismatches"),
        **dict.fromkeys(["--ignore-missing-bcls"], "ignore_missing_bcls"),
        **dict.fromkeys(["-l", "--min-log-level"], "log_level"),
        **dict.fromkeys(["-r", "--loading-threads", "-p", "--processing-threads"], "threads"),
        **dict.fromkeys(["-w", "--writing-threads"], "threads"),
    },
    "bcl-convert": {
        **dict.fromkeys(["--bcl-input-directory", "--output-directory", "--force", "-f"], None),
        **dict.fromkeys(["--sample-sheet"], "sheet"),
        **dict.fromkeys(["--bcl-only-lane"], "lane"),
        **dict.fromkeys([f"--bcl-num-{kind}-threads" for kind in ("conversion", "compression", "decompression")], "threads"),
    },
}


def refuse_what_cannot_be(options):
    """Before anything is fetched."""
    for word in options.extra:
        name = word.split("=")[0]
        if name in OURS[options.program]:
            instead = OURS[options.program][name]
            why = f"has a parameter of its own, {instead}" if instead else "is the job's own to say"
            raise Failure(f"extra: {name} {why}", code=UNUSABLE)
    if options.program == "bcl2fastq":
        if options.lanes and options.tiles:
            raise Failure("tiles name their lanes themselves: give either lane or tiles", code=UNUSABLE)
        return
    # BCL Convert's sample sheet says what bcl2fastq is told by arguments.
    if options.mask or options.mismatches:
        raise Failure("BCL Convert takes mask and mismatches from the sample sheet's settings", code=UNUSABLE)
    if options.tiles or options.ignore_missing_bcls or len(options.lanes) > 1:
        raise Failure("with BCL Convert a job takes one lane or all of them", code=UNUSABLE)


def choices(options, sheet):
    """What decides what comes out, as the program's arguments."""
    if options.program == "bcl-convert":
        words = ["--bcl-only-lane", *options.lanes] if options.lanes else []
        # bcl2fastq does so unasked; BCL Convert wants the column, and the word.
        if has_projects(sheet) and "--bcl-sampleproject-subdirectories" not in options.extra:
            words += ["--bcl-sampleproject-subdirectories", "true"]
        return words + options.extra
    words = ["--ignore-missing-bcls"] if options.ignore_missing_bcls else []
    tiles = options.tiles or ",".join(f"s_{lane}" for lane in options.lanes)
    if tiles:
        words += ["--tiles", tiles]
    if options.mask:
        words += ["--use-bases-mask", options.mask]
    if options.mismatches:
        words += ["--barcode-mismatches", options.mismatches]
    return words + options.extra


def has_projects(sheet):
    return bool(re.search(r"(?m)^(.*,)?\s*Sample_Project\s*(,.*)?$", sheet.read_text(errors="replace")))


def command(options, run_folder, sheet, output):
    return PROGRAMS[options.program](options, str(run_folder), str(sheet), str(output)) + choices(options, sheet)


def bcl2fastq(options, run_folder, sheet, output):
    threads = str(options.threads or available_cpus())
    # Its own place for the index metrics is the run folder, which may be an archive that other jobs read.
    metrics = Path(output) / "InterOp"
    metrics.mkdir()
    return [
        *("bcl2fastq", "--runfolder-dir", run_folder, "--sample-sheet", sheet, "--output-dir", output),
        *("--interop-dir", str(metrics)),
        *("--loading-threads", threads, "--processing-threads", threads, "--writing-threads", threads),
        *("--min-log-level", options.log_level),
    ]


def bcl_convert(options, run_folder, sheet, output):
    """Without a number of threads BCL Convert spreads its work itself."""
    kinds = ("conversion", "compression", "decompression") if options.threads else ()
    return [
        *("bcl-convert", "--bcl-input-directory", run_folder, "--sample-sheet", sheet, "--output-directory", output),
        "--force",  # The folder is there already.
        *(word for kind in kinds for word in (f"--bcl-num-{kind}-threads", str(options.threads))),
    ]


PROGRAMS = {"bcl2fastq": bcl2fastq, "bcl-convert": bcl_convert}


def version():
    """As the program said when the image was built; None in an image that did not write it down."""
    try:
        said = Path(__file__).parent.with_name("program-version").read_text()
    except OSError:
        return None
    found = re.search(r"(?m)^.*\d+\.\d+.*$", said)
    return found[0].strip() if found else None


def available_cpus():
    """ECS gives a job shares of a node's processors, which nothing in the container counts."""
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cpus = min(cpus, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return max(1, min(cpus, asked_for() or cpus))


def asked_for():
    """The vCPUs that the job asked Batch for, from the ECS agent; None where there is none to ask."""
    address = os.environ.get("ECS_CONTAINER_METADATA_URI_V4")
    if not address:
        return None
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(address, timeout=2) as told:
            shares = json.load(told)["Limits"]["CPU"]
        return int(shares) // 1024 or None
    except (OSError, ValueError, KeyError, TypeError):
        return None
