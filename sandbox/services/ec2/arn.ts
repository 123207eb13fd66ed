import type { Call } from "../../service.ts";

export function arnOf({ partition, region, account }: Call, type: string, id: string): string {
  return `arn:${partition}:ec2:${region}:${account}:${type}/${id}`;
}
