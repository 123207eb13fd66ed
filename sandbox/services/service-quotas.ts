import type { GetServiceQuotaRequest, ServiceQuota } from "@aws-sdk/client-service-quotas";
import { type Call, Refusal, type Service } from "../service.ts";
import { ec2Slice } from "./ec2/slice.ts";
import type { Operations } from "./operations.ts";

interface Quota {
  readonly name: string;
  readonly byDefault: number;
  /** What this account has; undefined where nobody ever asked for more. */
  applied?(call: Call): number;
}

/** By service and code: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html */
const QUOTAS: Readonly<Record<string, Readonly<Record<string, Quota>>>> = {
  ec2: {
    "L-1216C47A": {
      name: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
      byDefault: 5_000,
      applied: (call) => ec2Slice(call).vCpuQuota,
    },
    "L-34B43A08": { name: "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", byDefault: 5_000 },
  },
};

export const serviceQuotas: Service = {
  name: "servicequotas",
  client: () => import("@aws-sdk/client-service-quotas"),
  model: () => import("../models/servicequotas.json", { with: { type: "json" } }),
  validationError: "IllegalArgumentException",
  operations: {
    GetAWSDefaultServiceQuota: (input, call) => ({ Quota: shown(call, input, known(input).byDefault) }),
    GetServiceQuota: (input, call) => {
      const value = known(input).applied?.(call);
      if (value === undefined) throw noSuchResource();
      return { Quota: shown(call, input, value) };
    },
  } satisfies Operations<typeof import("@aws-sdk/client-service-quotas")>,
};

function known({ ServiceCode = "", QuotaCode = "" }: GetServiceQuotaRequest): Quota {
  const quota = QUOTAS[ServiceCode]?.[QuotaCode];
  if (quota === undefined) throw noSuchResource();
  return quota;
}

function noSuchResource(): Refusal {
  return new Refusal("NoSuchResourceException", "The request failed because the specified resource does not exist.");
}

function shown(call: Call, of: GetServiceQuotaRequest, value: number): ServiceQuota {
  const { ServiceCode, QuotaCode } = of;
  return {
    ServiceCode,
    QuotaCode,
    QuotaArn: `arn:${call.partition}:servicequotas:${call.region}:${call.account}:${ServiceCode}/${QuotaCode}`,
    QuotaName: known(of).name,
    Value: value,
    Unit: "None",
    Adjustable: true,
    GlobalQuota: false,
  };
}
