import { spawnSync } from "node:child_process";

/** What bash, and shellcheck where it is installed, find wrong with a script. */
export function complaints(script: string): string {
  const bash = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
  const shellcheck = spawnSync("shellcheck", ["--shell=bash", "-"], { input: script, encoding: "utf8" });
  const missing = (shellcheck.error as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
  return bash.stderr + (missing ? "" : shellcheck.stdout + shellcheck.stderr);
}
