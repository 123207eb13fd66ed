import { DescribeInstancesCommand, EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import type { Call, Service } from "../../sandbox/service.ts";
import { ec2Slice } from "../../sandbox/services/ec2/slice.ts";
import { SERVICES } from "../../sandbox/services/index.ts";
import { batchLab } from "./batch-lab.ts";
import { codeOf } from "./memory.ts";
import { baseImage, type ServiceLab, serviceLab } from "./service-lab.ts";

/** A new account's quota, written into the world as one who edits world.json does. */
const quotaOf = (vCpus: number): Service => ({
  name: "sts",
  client: () => import("@aws-sdk/client-sts"),
  operations: {
    GetCallerIdentity: (_input: unknown, call: Call) => {
      ec2Slice(call).vCpuQuota = vCpus;
    },
  },
});

async function youngAccount(vCpus: number): Promise<ServiceLab> {
  const services = [...SERVICES.filter(({ name }) => name !== "sts"), quotaOf(vCpus)];
  const lab = serviceLab("us-east-1", 1, services);
  await new STSClient(lab.config()).send(new GetCallerIdentityCommand({}));
  return lab;
}

describe("an account's quota of vCPUs", () => {
  it("refuses instances beyond it, all that run together", async () => {
    const lab = await youngAccount(8);
    const ImageId = await baseImage(lab);
    const run = (InstanceType: "m5.xlarge" | "t3.micro", MaxCount = 1) =>
      lab.ec2.send(new RunInstancesCommand({ ImageId, InstanceType, MinCount: 1, MaxCount }));
    await run("m5.xlarge");
    expect(await codeOf(run("m5.xlarge", 2))).toBe("VcpuLimitExceeded");
    await run("m5.xlarge");
    expect(await codeOf(run("t3.micro"))).toBe("VcpuLimitExceeded");
  });

  it("keeps jobs RUNNABLE without a word from Batch, and the environment VALID", async () => {
    const lab = await youngAccount(32);
    const batch = await batchLab(lab);
    await batch.define();
    const id = await batch.submit();
    lab.pass(3600);
    const job = await batch.job(id);
    expect([job.status, job.statusReason]).toEqual(["RUNNABLE", undefined]);
    expect(await batch.environment()).toMatchObject({ status: "VALID" });
    const { Reservations } = await new EC2Client(lab.config()).send(new DescribeInstancesCommand({}));
    expect(Reservations).toEqual([]);
  });
});
