import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readFacts } from "../../src/facts/read-facts.ts";
import { Site } from "../environment/site.ts";

let folder: string;

/** A machine with a docker that answers. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "facts-"));
  writeFileSync(join(folder, "docker"), "#!/bin/sh\nexit 0\n");
  chmodSync(join(folder, "docker"), 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function builderAt(where: { readonly sandbox: boolean; readonly endpoint?: string }, yaml = "") {
  const session = await new Site().open(yaml);
  return (await readFacts({ ...session, ...where })).workloads.bcl2fastq?.build?.builder;
}

describe("the builder that auto chooses", () => {
  it("is the one of this machine, for AWS itself", async () => {
    expect(await builderAt({ sandbox: false })).toBe("docker");
  });

  it("is an instance for what stands in for AWS, whose registry only AWS has", async () => {
    expect(await builderAt({ sandbox: true })).toBe("instance");
    expect(await builderAt({ sandbox: false, endpoint: "http://127.0.0.1:4566" })).toBe("instance");
  });

  it("is the one that the config names, wherever it is", async () => {
    const yaml = "container: { builder: docker }";
    expect(await builderAt({ sandbox: false, endpoint: "http://127.0.0.1:4566" }, yaml)).toBe("docker");
  });
});
