import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";

/** What stands in for docker, podman and buildah: the only programs on the PATH, each writing down how it was called. */
export interface FakeBuilders {
  readonly folder: string;
  /** What was run, in order: the words of each call. */
  calls(): string[];
  /** What the program wrote to a file of this name below `folder`. */
  recorded(name: string): string;
}

/** For each program, the lines of shell that answer a call; `$1` is its verb, and `$here` the folder to record in. */
export function fakeBuilders(programs: Readonly<Record<string, string>>): FakeBuilders {
  const folder = mkdtempSync(join(tmpdir(), "bootstrap-fake-builder-"));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(folder, "calls"), "");
  for (const [name, answers] of Object.entries(programs)) {
    const lines = ["#!/bin/sh", `here='${folder}'`, `echo "${name} $*" >> "$here/calls"`, answers, ""];
    writeFileSync(join(bin, name), lines.join("\n"));
    chmodSync(join(bin, name), 0o755);
  }
  vi.stubEnv("PATH", bin);
  return {
    folder,
    calls: () => readFileSync(join(folder, "calls"), "utf8").split("\n").slice(0, -1),
    recorded: (name) => readFileSync(join(folder, name), "utf8"),
  };
}
