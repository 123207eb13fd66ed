import { CreateRoleCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { type BatchLab, batchLab } from "./batch-lab.ts";
import { allow, type ServiceLab, serviceLab, trust, wordsOf } from "./service-lab.ts";

const MINUTE = 60;
const SPLIT = ["split.py", "split", "Ref::run", "--source", "Ref::source", "--destination", "Ref::destination"];
const RUN = { run: "210126_A01199", source: "s3://runs/2021" };
let lab: ServiceLab;
let batch: BatchLab;

beforeEach(() => stand());

async function stand(region?: string): Promise<void> {
  lab = serviceLab(region);
  batch = await batchLab(lab);
  const AssumeRolePolicyDocument = trust("ecs-tasks.amazonaws.com");
  const { Role } = await lab.iam.send(new CreateRoleCommand({ RoleName: "job", AssumeRolePolicyDocument }));
  await define({ jobRoleArn: Role!.Arn! });
}

function define(container: object, command: readonly string[] = SPLIT): Promise<void> {
  return batch.define({ command: [...command], ...container }, { parameters: { destination: "auto" } });
}

async function may(actions: readonly string[], bucket: string): Promise<void> {
  const [ofBucket, ofObjects] = [`arn:${lab.partition}:s3:::${bucket}`, `arn:${lab.partition}:s3:::${bucket}/*`];
  for (const action of actions) {
    const PolicyDocument = allow(action, action === "s3:ListBucket" ? ofBucket : ofObjects);
    const PolicyName = `${action.replace(":", "-")}-${bucket}`;
    await lab.iam.send(new PutRolePolicyCommand({ RoleName: "job", PolicyName, PolicyDocument }));
  }
}

/** How a job ends, and the last line that it wrote. */
async function outcome(parameters: Record<string, string>, command?: string[]) {
  const id = await batch.submit({ parameters, ...(command && { containerOverrides: { command } }) });
  lab.pass(90 * MINUTE);
  const { status, container } = await batch.job(id);
  return { status, exitCode: container?.exitCode, said: (await batch.logOf(id)).at(-1) };
}

describe("a job's parameters", () => {
  it("stand in its command, the request's over the definition's, in what is shown and in its log", async () => {
    await may(["s3:ListBucket", "s3:GetObject"], "runs");
    const id = await batch.submit({ parameters: RUN });
    lab.pass(10 * MINUTE);
    const command = ["split.py", "split", RUN.run, "--source", RUN.source, "--destination", "auto"];
    const shown = await batch.job(id);
    expect([shown.status, shown.container?.command]).toEqual(["RUNNING", command]);
    expect(shown.parameters).toEqual({ ...RUN, destination: "auto" });
    expect(await batch.logOf(id)).toEqual([`+ ${command.join(" ")}`]);
  });

  it("that are missing are left as they are, and the program refuses them", async () => {
    expect(await outcome({})).toEqual({
      ...{ status: "FAILED", exitCode: 2 },
      said: "split.py split: error: argument run: 'Ref::run' is not the name of a run",
    });
    expect(await outcome({ run: "r" })).toMatchObject({
      status: "FAILED",
      said: expect.stringContaining("Ref::source"),
    });
    expect(await outcome({ ...RUN, run: "" })).toMatchObject({ exitCode: 2, said: expect.stringContaining("run: ''") });
    expect(await outcome({}, ["bcl2fastq", "Ref::run"])).toMatchObject({ status: "FAILED", exitCode: 2 });
    expect(await outcome({}, ["echo", "Ref::run"])).toEqual({ status: "SUCCEEDED", exitCode: 0, said: "Ref::run" });
  });
});

describe("a job's buckets", () => {
  it.each(["us-east-1", "cn-northwest-1"])("are read with its role's rights only, in %s", async (region) => {
    await stand(region);
    const denied = (action: string, operation: string) => ({
      ...{ status: "FAILED", exitCode: 1 },
      said: expect.stringMatching(
        `^fatal error: An error occurred \\(AccessDenied\\) when calling the ${operation} operation: User: .*/job/.* is not authorized to perform: ${action} on resource: "arn:${lab.partition}:s3:::runs`,
      ),
    });
    await may(["s3:GetObject"], "runs");
    expect(await outcome(RUN)).toEqual(denied("s3:ListBucket", "ListObjectsV2"));
    await may(["s3:ListBucket"], "runs");
    expect(await outcome(RUN)).toMatchObject({ status: "SUCCEEDED", exitCode: 0 });
    expect(await outcome({ ...RUN, source: "s3://others" })).toMatchObject({ status: "FAILED", exitCode: 1 });
  });

  it("are written to at the end, if its role may", async () => {
    await may(["s3:ListBucket", "s3:GetObject"], "runs");
    const parameters = { ...RUN, destination: "s3://results/fastq" };
    const id = await batch.submit({ parameters });
    lab.pass(60 * MINUTE);
    expect((await batch.job(id)).status).toBe("RUNNING");
    lab.pass(30 * MINUTE);
    expect(await batch.job(id)).toMatchObject({ status: "FAILED", container: { exitCode: 1 } });
    expect((await batch.logOf(id)).at(-1)).toMatch(/^upload failed: .* to s3:\/\/results\/fastq: .*s3:PutObject/);
    await may(["s3:PutObject"], "results");
    expect(await outcome(parameters)).toMatchObject({ status: "SUCCEEDED" });
    expect(await outcome({}, ["aws", "s3", "cp", "s3://runs/a", "s3://others/b"])).toMatchObject({ exitCode: 1 });
  });

  it("are out of reach without a role, where containers cannot reach the node's", async () => {
    await define({});
    expect(await outcome(RUN)).toMatchObject({
      status: "FAILED",
      exitCode: 1,
      said: expect.stringMatching(/\/node\//),
    });
    await define({ environment: [{ name: "SPLIT_SOURCE", value: "s3://runs" }] }, ["split.py", "split", "Ref::run"]);
    expect(await outcome(RUN)).toMatchObject({ status: "FAILED", said: expect.stringContaining("ListObjectsV2") });
  });
});

describe("a submission", () => {
  it("names a share only where the queue has a scheduling policy, and awaits only jobs that exist", async () => {
    expect(await wordsOf(batch.submit({ shareIdentifier: "lab" }))).toMatch(/^ClientException: .*share identifier/);
    const dependsOn = [{ jobId: "00000000-0000-4000-8000-000000000000" }];
    expect(await wordsOf(batch.submit({ dependsOn }))).toMatch(/^ClientException: .*does not exist/);
  });
});
