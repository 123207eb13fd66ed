import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  ServiceQuotasClient,
} from "@aws-sdk/client-service-quotas";
import { expect, it } from "vitest";
import { codeOf } from "./memory.ts";
import { serviceLab } from "./service-lab.ts";

const ON_DEMAND = "L-1216C47A";
const SPOT = "L-34B43A08";

function asking(region = "us-east-1") {
  const client = new ServiceQuotasClient(serviceLab(region).config(region));
  return {
    applied: (QuotaCode: string, ServiceCode = "ec2") =>
      client.send(new GetServiceQuotaCommand({ ServiceCode, QuotaCode })),
    byDefault: (QuotaCode: string, ServiceCode = "ec2") =>
      client.send(new GetAWSDefaultServiceQuotaCommand({ ServiceCode, QuotaCode })),
  };
}

it("says how many vCPUs of Standard types the account may run, and how many it could by default", async () => {
  const { applied, byDefault } = asking("cn-northwest-1");
  expect((await applied(ON_DEMAND)).Quota).toMatchObject({
    QuotaArn: `arn:aws-cn:servicequotas:cn-northwest-1:123456789012:ec2/${ON_DEMAND}`,
    QuotaName: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    Value: 5_000,
  });
  expect((await byDefault(ON_DEMAND)).Quota).toMatchObject({ Value: 5_000 });
});

it("knows only the default of a quota that nobody ever asked to raise, and nothing of others", async () => {
  const { applied, byDefault } = asking();
  expect(await codeOf(applied(SPOT))).toBe("NoSuchResourceException");
  expect((await byDefault(SPOT)).Quota).toMatchObject({ QuotaCode: SPOT, Value: 5_000 });
  expect(await codeOf(byDefault("L-00000000"))).toBe("NoSuchResourceException");
  expect(await codeOf(applied(ON_DEMAND, "fsx"))).toBe("NoSuchResourceException");
});
