"""split.json: what was made from what, and every file of it."""

import concurrent.futures
import hashlib
import json
import os
import threading
from datetime import datetime, timezone

from demux import program
from demux.places import flush
from demux.process import OTHER_OUTPUT, Failure, amount, job, say

NAME = "split.json"
PIECE_BYTES = 1 << 20

# What two jobs must have in common to be the same work; what is not known of one of them is not compared.
WORK = ("program", "run", "arguments", "sheetSha256", "runSha256")


def wanted(options, sheet, fingerprint):
    return {
        "name": options.name,
        "program": options.program,
        "run": options.run,
        "arguments": program.choices(options, sheet),
        "sheetSha256": hashlib.sha256(sheet.read_bytes()).hexdigest(),
        "runSha256": fingerprint,
    }


def is_done(options, wanted):
    """True when the very same work stands complete, as after a retry; other work under the name is not overwritten."""
    final = options.splited / options.name
    if not final.exists():
        return False
    done = read(final)
    differ = [key for key in WORK if done.get(key) != wanted[key] and None not in (done.get(key), wanted[key])]
    if options.replace and (differ or done.get("job") != job()):
        return False
    if differ or "arguments" not in done:
        what = f"from other {', '.join(TOLD[key] for key in differ)}" if differ else "without a record of ours"
        raise Failure(f"{final} holds other output, {what}; give replace=yes, or another name", code=OTHER_OUTPUT)
    for file in done.get("files", []):
        path = final / file["path"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            raise Failure(f"{path} is not what {NAME} says; give replace=yes to make it again", code=OTHER_OUTPUT)
    say(f"{final} is complete already")
    return True


TOLD = {
    "program": "program",
    "run": "run",
    "arguments": "arguments",
    "sheetSha256": "sample sheet",
    "runSha256": "data of the run",
}


def read(folder):
    """Empty when there is none that can be read."""
    try:
        found = json.loads((folder / NAME).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def seal(folder, wanted, checksums):
    """Writes the record of all that stands in the folder."""
    paths = sorted(
        os.path.relpath(os.path.join(place, name), folder) for place, _, names in os.walk(folder) for name in names
    )
    files = [
        {"path": path, "bytes": (folder / path).stat().st_size} for path in paths if path != NAME and path != f".{NAME}"
    ]
    sums = digests([folder / file["path"] for file in files], checksums)
    files = [{**file, **({"md5": md5} if md5 else {})} for file, md5 in zip(files, sums)]
    about = {**wanted, "version": program.version(), "job": job(), "made": datetime.now(timezone.utc).isoformat()}
    record = {**about, "id": identity(files, about), "files": files}
    aside = folder / f".{NAME}"
    aside.write_text(json.dumps(record, indent=2) + "\n")
    flush(aside)
    aside.rename(folder / NAME)
    flush(folder)


def identity(files, about):
    """The same for the same content; where no checksums tell, each making is one of its own."""
    told = files if all("md5" in file for file in files) else [files, about]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def digests(paths, checksums):
    """The MD5 of each file, once it is on the disk; a signal does not wait for the rest."""
    size = amount(sum(path.stat().st_size for path in paths))
    say(f"{'reading back' if checksums == 'md5' else 'flushing'} {len(paths)} files, {size}")
    stopped = threading.Event()

    def digest(path):
        flush(path)
        if checksums != "md5":
            return None
        found = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while (piece := file.read(PIECE_BYTES)) and not stopped.is_set():
                found.update(piece)
        return found.hexdigest()

    with concurrent.futures.ThreadPoolExecutor(max_workers=program.available_cpus()) as readers:
        try:
            return list(readers.map(digest, paths))
        except BaseException:
            stopped.set()
            readers.shutdown(wait=False, cancel_futures=True)
            raise
