import { spawnSync } from "node:child_process";

/** What bash finds wrong with a script, and shellcheck and shfmt where they are installed. */
export function complaints(script: string): string {
  return [
    ["bash", "-n"],
    ["shellcheck", "--shell=bash", "-"],
    ["shfmt", "-d", "-i", "2", "-ci"],
  ]
    .map(([program = "", ...words]) => {
      const { error, stdout, stderr } = spawnSync(program, words, { input: script, encoding: "utf8" });
      return (error as NodeJS.ErrnoException | undefined)?.code === "ENOENT" ? "" : stdout + stderr;
    })
    .join("");
}
