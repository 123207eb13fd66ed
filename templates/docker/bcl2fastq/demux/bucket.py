"""S3, through the AWS CLI."""

import calendar
import json
import os
import re
import time

from demux.process import NO_ROOM, Failure, amount, answer, minutes, of_program, run, say
from demux.runfolder import File

TELL_EVERY_SECONDS = 30

LISTED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) +(\d+) (.+)")


def listing(address):
    """Every object below the address, by its path from there."""
    prefix = f"{address.rstrip('/')}/"
    code, lines, complaints = answer("aws", "s3", "ls", "--recursive", prefix)
    # Where there is nothing, `aws s3 ls` ends with 1 and has nothing to say.
    if code != 0 and complaints:
        raise Failure(f"{prefix} cannot be listed: {complaints}", code=of_program(code))
    key = prefix.split("/", 3)[3]
    found = {}
    for match in filter(None, map(LISTED.fullmatch, lines)):
        moment, size, name = match.groups()
        if not name.endswith("/"):
            seconds = calendar.timegm(time.strptime(moment, "%Y-%m-%d %H:%M:%S"))
            found[name.removeprefix(key)] = File(int(size), seconds)
    return found


def listing_or_nothing(address):
    """What a run consists of, where it can be told beforehand; the download itself says what is wrong."""
    try:
        return listing(address)
    except Failure as failure:
        say(f"{failure}; going on without")
        return {}


def refuse_what_does_not_fit(what, files, disk):
    """A file system gives out whole blocks."""
    disk.mkdir(parents=True, exist_ok=True)
    about = os.statvfs(disk)
    free = about.f_bavail * about.f_frsize
    needed = sum(-(-file.size // about.f_frsize) * about.f_frsize for file in files.values())
    if needed > free:
        raise Failure(
            f"{what} does not fit: {amount(needed)} in {len(files)} files, and {disk} has {amount(free)} free of "
            f"{amount(about.f_blocks * about.f_frsize)}",
            code=NO_ROOM,
        )


def fetch(address, folder, files, *how):
    """Downloads what is not there yet, and says every now and then how far it is."""
    progress = Progress(folder, sum(file.size for file in files.values()))
    sync = ("aws", "s3", "sync", "--only-show-errors", *how, address, str(folder))
    run(*sync, meanwhile=progress.tell, every=TELL_EVERY_SECONDS)
    # aws s3 sync has no word to say about a prefix without objects, and makes the folder all the same.
    if not folder.is_dir() or not any(folder.iterdir()):
        raise Failure(f"there is nothing at {address}")
    progress.tell()


class Progress:
    def __init__(self, folder, total):
        self.folder = folder
        self.total = total
        self.began = time.monotonic()
        self.before = here(folder)

    def tell(self):
        have = here(self.folder)
        seconds = time.monotonic() - self.began
        rate = (have - self.before) / seconds if seconds > 0 else 0
        text = f"fetched {amount(have)}"
        if self.total:
            text += f" of {amount(self.total)}, {min(100, 100 * have // self.total)} %"
        text += f", in {minutes(seconds)} at {amount(rate)} a second"
        if self.total > have and rate > 0:
            text += f", {minutes((self.total - have) / rate)} to go"
        say(text)


def here(folder):
    """Bytes in a folder that somebody writes to meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return total


def fetch_file(address, target):
    """False when there is no such object."""
    code, _, complaints = answer("aws", "s3", "cp", "--only-show-errors", address, str(target), listen=False)
    if code == 0:
        return True
    if re.search(r"\(404\)|Not Found|NoSuchKey", complaints):
        say(f"there is no {address}: {complaints}")
        return False
    raise Failure(f"{address} cannot be fetched: {complaints or f'aws ended with {code}'}", code=of_program(code))


def deliver(output, record, destination, work):
    """Uploads output into a folder that holds nothing else, and says last that it is complete.

    Nothing is ever deleted or overwritten there: other output of the same name gets a folder beside it.
    """
    name = output.name
    for there in (f"{destination}/{name}", f"{destination}/{name}.{record['id'][:12]}"):
        if not claim(there, record, work):
            say(f"{there} holds other output, which stays as it is")
            continue
        run("aws", "s3", "sync", "--only-show-errors", "--exclude", "split.json", str(output), there)
        if (read_record(there, work) or {}).get("id") == record["id"]:
            write_record(there, {**record, "complete": True}, work)
            say(f"{name} is at {there}")
            return
        say(f"another job wrote to {there} at the same time")
    raise Failure(f"{destination} has no place for {name}: other output is in both folders")


def claim(there, record, work):
    """True when the folder is empty, or holds this very output or a part of it."""
    found = read_record(there, work)
    if found is None:
        if listing(there):
            return False
        write_record(there, {**record, "complete": False}, work)
        return True
    if found.get("id") != record["id"]:
        return False
    if not found.get("complete"):
        say(f"{there} holds a part of it: going on")
    return True


def read_record(there, work):
    """None when there is none; one that is no record is somebody else's."""
    file = work / "there.json"
    if not fetch_file(f"{there}/split.json", file):
        return None
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_record(there, record, work):
    file = work / "split.json"
    file.write_text(json.dumps(record, indent=2) + "\n")
    run("aws", "s3", "cp", "--only-show-errors", str(file), f"{there}/split.json")
    file.unlink()
