/** Whoever read along has left, a terminal was closed, a log's disk is full. */
const LOST: readonly (string | undefined)[] = ["EPIPE", "EIO", "EBADF", "ENOSPC", "EDQUOT", "EFBIG"];

/** What can no longer be said is no reason to leave work half done: it goes on, or stops in good order. */
export function bearLosingStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    let lost = false;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // After the first, each further write fails in words of Node's own.
      if (!lost && !LOST.includes(error.code)) throw error;
      if (!lost && stream === process.stdout && error.code !== "EPIPE" && error.code !== "EIO") {
        process.stderr.write(`what is said on stdout is lost (${error.message}); the work goes on\n`);
      }
      lost = true;
    });
  }
}
