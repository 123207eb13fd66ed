import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { submitCommand } from "../../src/actions/submit-command.ts";

const preset = (workload: string) => {
  const { name, job } = parse(readFileSync(new URL(`../../workloads/${workload}.yaml`, import.meta.url), "utf8"));
  return {
    name,
    region: "us-east-1",
    workload,
    jobQueue: name,
    job: { ...job, buckets: { read: ["my-runs"], write: [] } },
  };
};

/** The words as a shell hands them to the AWS CLI. */
const words = (command: string) =>
  execFileSync("sh", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" })
    .trimEnd()
    .split("\n");

describe("the command for a first job", () => {
  it.each(["bcl2fastq", "bclconvert"])("asks for the run and names the bucket, as JSON: %s", (workload) => {
    const typed = words(submitCommand(preset(workload)));
    expect(typed.slice(0, 3)).toEqual(["aws", "batch", "submit-job"]);
    expect(JSON.parse(typed[typed.indexOf("--parameters") + 1]!)).toEqual({ run: "RUN", source: "s3://my-runs" });
  });

  it("leaves out what the environment says, and the parameters where there are none", () => {
    const { job, ...rest } = preset("bcl2fastq");
    const told = { ...rest, job: { ...job, environment: { SPLIT_SOURCE: "s3://my-runs" } } };
    expect(words(submitCommand(told)).at(-1)).toBe('{"run":"RUN"}');
    expect(submitCommand({ ...rest, job: { ...job, command: ["true"] } })).not.toContain("--parameters");
  });

  it("goes where the environment is", () => {
    expect(words(submitCommand(preset("bcl2fastq"), "http://127.0.0.1:4566"))).toContain("http://127.0.0.1:4566");
  });
});

describe("the presets", () => {
  it.each(["bcl2fastq", "bclconvert"])(
    "give every placeholder but the run a default, and none that is not used: %s",
    (workload) => {
      const { job } = preset(workload);
      const named = job.command.flatMap((word: string) => /^Ref::(.+)$/.exec(word)?.[1] ?? []);
      expect([...Object.keys(job.parameters), "run"].sort()).toEqual(named.sort());
    },
  );

  it("reach every option of split.py, each by the parameter of its name", () => {
    const { job } = preset("bcl2fastq");
    const script = new URL("../../templates/docker/bcl2fastq/split.py", import.meta.url).pathname;
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
    const help = execFileSync("python3", [script, "split", "--help"], { encoding: "utf8", env });
    const options = new Set([...help.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name!));
    const fixed = ["help", "fastq", "scratch", "splited", "program"];
    const reached = job.command.flatMap((word: string, at: number) => {
      const option = /^--(.+)$/.exec(word)?.[1];
      if (option === undefined) return [];
      expect(job.command[at + 1]).toBe(`Ref::${option.replaceAll("-", "_")}`);
      return option;
    });
    expect(reached.sort()).toEqual([...options].filter((name) => !fixed.includes(name)).sort());
  });
});
