import { UpdateComputeEnvironmentCommand } from "@aws-sdk/client-batch";
import { DescribeFileSystemsCommand, UpdateFileSystemCommand } from "@aws-sdk/client-fsx";
import { expect, it } from "vitest";
import type { Cloud } from "../../src/aws/clients.ts";
import { deskAt, type Moment } from "../proof/desk.ts";
import { theFirstUp, type } from "./typed.ts";

/** After the first `up` somebody else has been at it. */
async function after(deed: (cloud: Cloud) => Promise<unknown>): Promise<Moment> {
  const desk = deskAt(await theFirstUp());
  await deed(desk.site.lab.cloud);
  desk.site.lab.clock.advance(3_600_000);
  return desk.freeze();
}

it("says nothing to do, and nothing else, where all is as wanted", { timeout: 120_000 }, async () => {
  expect(await type("up", {})).toMatchObject({ said: "nothing to do\n", writes: [] });
});

it("says beside nothing to do what only --repair mends: field, have, wanted, and what to type", async () => {
  const from = await after((cloud) =>
    cloud.batch.send(
      new UpdateComputeEnvironmentCommand({
        computeEnvironment: "demux",
        computeResources: { instanceTypes: ["c5d.18xlarge"] },
      }),
    ),
  );
  const { said, error, writes } = await type("up", { from, sandbox: true, name: "demux" });
  expect([error, writes]).toEqual([undefined, []]);
  expect(said).toMatch(
    /^nothing to do\nleft as it is:\n {2}compute-environment \S+demux: instanceTypes is .*c5d\.18xlarge.*, wanted is .*c5d\.9xlarge.*: bootstrap up --sandbox --config \S+ --name demux --region us-east-1 --repair mends it\n$/,
  );
  const json = JSON.parse((await type("up", { from, json: true })).said) as object;
  expect(json).toMatchObject({ type: "idle", left: [expect.stringContaining("instanceTypes")] });
  expect((await type("up", { from, repair: true })).writes).toContain("UpdateComputeEnvironment");
});

it("says what can never be mended, also after other work", async () => {
  const from = await after(async ({ fsx }) => {
    const { FileSystems } = await fsx.send(new DescribeFileSystemsCommand({}));
    await fsx.send(new UpdateFileSystemCommand({ FileSystemId: FileSystems![0]!.FileSystemId, StorageCapacity: 2400 }));
  });
  const left = /filesystem fs-\w+: capacityGiB is 2400, wanted is 1200: FSx for Lustre grows but never shrinks/;
  const idle = await type("up", { from, yaml: "filesystem: { capacityGiB: 1200 }" });
  expect([idle.error, idle.writes]).toEqual([undefined, []]);
  expect(idle.said).toMatch(left);
  const busy = await type("up", { from, yaml: "filesystem: { capacityGiB: 1200 }\nlogs: { retentionDays: 30 }" });
  expect([busy.error, busy.writes[0]]).toEqual([undefined, "PutRetentionPolicy"]);
  expect(busy.said).toMatch(left);
});
