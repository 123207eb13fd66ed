import { GetAWSDefaultServiceQuotaCommand, GetServiceQuotaCommand } from "@aws-sdk/client-service-quotas";
import type { Cloud } from "./clients.ts";
import { isAwsError, orNothing } from "./errors.ts";

/** Quotas of the instance types A, C, D, H, I, M, R, T and Z, all of them together. */
export const VCPU_QUOTAS = { "on-demand": "L-1216C47A", spot: "L-34B43A08" } as const;

/** Whether a type counts toward them: other families (F, G, P, X …) have quotas of their own. */
export function isStandard(instanceType: string): boolean {
  return /^(?:[acdhmrtz]|i[ms]?)\d/.test(instanceType);
}

/** So many vCPUs may run at once; undefined where AWS does not say. */
export async function vcpuQuota({ quotas }: Cloud, purchase: keyof typeof VCPU_QUOTAS): Promise<number | undefined> {
  const asked = { ServiceCode: "ec2", QuotaCode: VCPU_QUOTAS[purchase] };
  try {
    // Of a quota that nobody ever asked to raise only the default is known.
    const answer =
      (await orNothing(quotas.send(new GetServiceQuotaCommand(asked)))) ??
      (await quotas.send(new GetAWSDefaultServiceQuotaCommand(asked)));
    return answer.Quota?.Value;
  } catch (error) {
    if (isAwsError(error)) return undefined;
    throw error;
  }
}
