"""The words of a job, and what they may be."""

import argparse
import hashlib
import os
import re
import shlex
from pathlib import Path

from demux.process import UNUSABLE, Failure
from demux.program import PROGRAMS

# What a parameter of a Batch job says when it has nothing to say: a command cannot hold an empty word.
UNSET = ("", "auto", "all")

WAIT_SECONDS = 600


def unset(text):
    """A parameter that neither job nor definition gives a value stays as it stands in the command."""
    return text in UNSET or text.startswith("Ref::")


def run_name(text):
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a run")
    return text


def output_name(text):
    return None if unset(text) else run_name(text)


def s3_prefix(text):
    """Empty for none, None for what the environment says."""
    if unset(text):
        return None
    if text == "none":
        return ""
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/.*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address like s3://bucket/prefix")
    return text.rstrip("/")


def listed(text):
    """Commas end a value in `--parameters` of the AWS CLI, unless it is JSON: a plus sign says the same."""
    return text.replace("+", ",")


def lanes(text):
    if unset(text):
        return []
    words = listed(text).split(",")
    if not all(re.fullmatch(r"[1-8]", word) for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'all' nor lanes like 1 or 1+2")
    return sorted(set(words))


def optional(text):
    return None if unset(text) else text


def mask(text):
    return None if unset(text) else listed(text)


def mismatches(text):
    if unset(text):
        return None
    if not re.fullmatch(r"[0-2](,[0-2])?", listed(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not 0, 1 or 2, or one of them for each index")
    return listed(text)


def threads(text):
    if unset(text):
        return None
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'auto' nor a number of threads")
    return int(text)


def seconds(text):
    if unset(text):
        return WAIT_SECONDS
    if not re.fullmatch(r"[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return int(text)


def log_level(text):
    return "WARNING" if unset(text) else text


def checksums(text):
    if not unset(text) and text not in ("md5", "none"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither md5 nor none")
    return "md5" if unset(text) else text


def yes(text):
    """A flag as a parameter can give it: a command's placeholder cannot come and go."""
    if text not in ("yes", "no") and not unset(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither yes nor no")
    return text == "yes"


def extra(text):
    try:
        return [] if unset(text) else shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def joined(words):
    """The value of --extra begins with a hyphen, which would make it an option of ours."""
    words = list(words)
    while "--extra" in words[:-1]:
        at = words.index("--extra")
        words[at : at + 2] = [f"--extra={words[at + 1]}"]
    return words


def parser(description):
    top = argparse.ArgumentParser(prog="split.py", description=description)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="split | rerun | copy")

    source = argparse.ArgumentParser(add_help=False)
    source.add_argument(
        "--source", type=s3_prefix, help="where runs and sample sheets lie: s3://bucket/prefix; default: SPLIT_SOURCE"
    )
    source.add_argument("--fastq", type=Path, default=Path("/fsx/fastq"), help="where copied runs lie")
    source.add_argument("--wait", type=seconds, default="auto", help="for another job on the same output; default: 600 s")
    flag(source, "--force", "take a run also when it is not marked as complete")

    work = argparse.ArgumentParser(add_help=False)
    work.add_argument("run", type=run_name)
    work.add_argument(
        "--program",
        choices=list(PROGRAMS),
        default=os.environ.get("SPLIT_PROGRAM", "bcl2fastq"),
        help="what demultiplexes (SPLIT_PROGRAM)",
    )
    work.add_argument(
        "--sheet",
        type=optional,
        help="sample sheet: an s3 address, a path, or a name below SOURCE; default: RUN.csv, else RUN/SampleSheet.csv",
    )
    work.add_argument("--name", type=output_name, help="name of the output; default: the run's, and what was chosen")
    work.add_argument("--lane", dest="lanes", type=lanes, default=[], help="1 or 1+2; default: all")
    work.add_argument("--tiles", type=optional, help="bcl2fastq's own selection, instead of --lane")
    work.add_argument("--mask", type=mask, help="bases mask like Y151+I8+N8+Y151; default: from the run")
    work.add_argument("--mismatches", type=mismatches, help="barcode mismatches; default: bcl2fastq's")
    flag(work, "--ignore-missing-bcls", "read missing cycles as N")
    work.add_argument("--extra", type=extra, default=[], help="options of the program, as one word: '--strict-mode true'")
    work.add_argument("--threads", type=threads, default="auto", help="default: all that this job may use")
    work.add_argument("--log-level", type=log_level, default="WARNING", help="bcl2fastq's; default: WARNING")
    work.add_argument("--checksums", type=checksums, default="md5", help="of the output's files: md5, the default, or none")
    flag(work, "--replace", "replace other output under the same name")
    work.add_argument("--scratch", type=Path, default=Path("/data"), help="local disk for the run folder")
    work.add_argument("--splited", type=Path, default=Path("/fsx/splited"), help="where the output stays")
    work.add_argument(
        "--destination",
        type=s3_prefix,
        help="s3://bucket/prefix that gets a copy of the output, or none; default: SPLIT_DESTINATION",
    )

    verb = verbs.add_parser("split", parents=[source, work], help="fetches a run and demultiplexes it")
    flag(verb, "--keep-scratch", "leave the run folder on the node's disk, for rerun")
    flag(verb, "--whole-run", "fetch all lanes, also those that are not split")
    verbs.add_parser("rerun", parents=[source, work], help="demultiplexes a run that is on a disk already")
    verb = verbs.add_parser("copy", parents=[source], help="copies runs to the file system")
    verb.add_argument("runs", nargs="+", type=run_name)
    return top


def flag(parser, name, text):
    parser.add_argument(name, type=yes, nargs="?", const=True, default=False, metavar="yes|no", help=text)


def completed(options):
    """The options, with what the environment says, and refused where they cannot be."""
    for name in ("source", "destination"):
        if getattr(options, name, "") is None:
            variable = f"SPLIT_{name.upper()}"
            try:
                setattr(options, name, s3_prefix(os.environ.get(variable, "")))
            except argparse.ArgumentTypeError as error:
                raise Failure(f"{variable}: {error}", code=UNUSABLE) from None
    if not options.source and options.verb != "rerun":
        raise Failure("neither --source nor SPLIT_SOURCE says where runs lie", code=UNUSABLE)
    if "run" in options:
        options.name = options.name or default_name(options)
    return options


def default_name(options):
    """The run's name, and all that was chosen: jobs that make different things never have the same name."""
    words = [options.run, *(f"L00{lane}" for lane in options.lanes)]
    words += [plain(word) for word in (options.tiles, options.mask) if word]
    if options.mismatches:
        words.append(f"m{plain(options.mismatches)}")
    if options.ignore_missing_bcls:
        words.append("ignore-missing-bcls")
    if options.extra:
        words.append(digest(shlex.join(options.extra)))
    name = ".".join(words)
    return name if len(name) <= 128 else f"{name[:110]}.{digest(name)}"


def plain(text):
    """As it is where a file's name can hold it and nothing else is written so."""
    name = text.replace(",", "-").replace("*", "x")
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) and not re.search(r"[-x]", text) else digest(text)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]
