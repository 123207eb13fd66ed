import { DescribeComputeEnvironmentsCommand, SubmitJobCommand } from "@aws-sdk/client-batch";
import { CreateLogGroupCommand, type FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateLaunchTemplateVersionCommand } from "@aws-sdk/client-ec2";
import { describe, expect, it, vi } from "vitest";
import { nodeWords } from "../../src/aws/node-words.ts";
import { nodeUserData } from "../../src/render/user-data.ts";
import { computeEnvironment } from "../../src/steps/compute-environment.ts";
import { jobQueue } from "../../src/steps/job-queue.ts";
import { computeInputs, sleepDefinition } from "../steps/batch.ts";
import { lab, make } from "../steps/harness.ts";

const HOUR_MS = 60 * 60_000;

describe("the words of nodes that did not come up", () => {
  it("are none where there is no log yet, and where nobody may look", async () => {
    const world = lab();
    expect(await nodeWords(world.cloud, "/bootstrap/lab", new Date(0))).toEqual([]);
    await world.cloud.logs.send(new CreateLogGroupCommand({ logGroupName: "/bootstrap/lab" }));
    world.faults.push({ operation: "FilterLogEvents", error: { code: "AccessDeniedException", message: "no" } });
    expect(await nodeWords(world.cloud, "/bootstrap/lab", new Date(0))).toEqual([]);
  });

  it("are read to the last page, also behind one that is empty", async () => {
    const empty = { events: [], nextToken: "more" };
    const last = { events: [{ logStreamName: "node/i-1", timestamp: 1, message: "no disk\n" }] };
    const asked: (string | undefined)[] = [];
    const { cloud } = lab();
    const answer = async ({ input }: FilterLogEventsCommand) => {
      asked.push(input.nextToken);
      return input.nextToken === undefined ? empty : last;
    };
    vi.spyOn(cloud.logs, "send").mockImplementation(answer as never);
    expect(await nodeWords(cloud, "/bootstrap/lab", new Date(0))).toEqual([
      { instanceId: "i-1", at: new Date(1), words: "no disk" },
    ]);
    expect(asked).toEqual([undefined, "more"]);
  });

  it("name the node and what it lacked, where Batch says only that none joined; and none older than asked for", async () => {
    const world = lab();
    const { cloud, clock } = world;
    await cloud.logs.send(new CreateLogGroupCommand({ logGroupName: "/bootstrap/lab" }));
    const inputs = await computeInputs(world);
    const filesystem = {
      ...{ dnsName: "fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com", mountName: "zxktnbmv" },
      ...{ mountPoint: "/fsx", directories: [] },
    };
    const userData = nodeUserData({ environment: "lab", filesystem, scratch: { kind: "none" } });
    await cloud.ec2.send(
      new CreateLaunchTemplateVersionCommand({
        LaunchTemplateId: inputs.launchTemplateId,
        LaunchTemplateData: { UserData: Buffer.from(userData).toString("base64") },
      }),
    );
    const { found } = await make(world, computeEnvironment, { inputs: { ...inputs, launchTemplateVersion: "2" } });
    const queue = { computeEnvironmentArns: [found.output.arn], priority: 1, maxRunnableSeconds: 3600 };
    await make(world, jobQueue, { inputs: queue });
    const jobDefinition = await sleepDefinition(world, 1);
    await cloud.batch.send(new SubmitJobCommand({ jobName: "one", jobQueue: "lab", jobDefinition }));
    const begun = clock.now();
    await clock.sleep(HOUR_MS);
    const { computeEnvironments } = await cloud.batch.send(new DescribeComputeEnvironmentsCommand({}));
    expect(computeEnvironments![0]).toMatchObject({
      status: "INVALID",
      statusReason: expect.stringContaining("none of the instances joined"),
    });
    const [first, ...more] = await nodeWords(cloud, "/bootstrap/lab", new Date(begun));
    expect(more).toEqual([]);
    expect(first!.instanceId).toMatch(/^i-[0-9a-f]{17}$/);
    expect(first!.words).toMatch(/^cannot mount fs-0123456789abcdef0\S+@tcp:\/zxktnbmv at \/fsx: /);
    expect(first!.at.getTime()).toBeGreaterThan(begun);
    expect(await nodeWords(cloud, "/bootstrap/lab", new Date(clock.now()))).toEqual([]);
  });
});
