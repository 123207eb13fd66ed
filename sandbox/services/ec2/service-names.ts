import { createHash } from "node:crypto";
import type { Call } from "../../service.ts";

/** AWS's services as VPC endpoints name them: those that builders, nodes and jobs talk to. */
export type ServiceName =
  | "ec2messages"
  | "ecr.api"
  | "ecr.dkr"
  | "ecs"
  | "ecs-agent"
  | "ecs-telemetry"
  | "logs"
  | "s3"
  | "ssm"
  | "ssmmessages";

/** ssm, of com.amazonaws.us-east-1.ssm; in China the name of many begins with cn. */
export function serviceOf({ region, partition }: Call, name: string): string | undefined {
  const [, before, service] = new RegExp(`^(cn\\.)?com\\.amazonaws\\.${region}\\.([a-z0-9.-]+)$`).exec(name) ?? [];
  return before !== undefined && partition !== "aws-cn" ? undefined : service;
}

/** The list of a service's addresses that rules and routes can name. */
export function prefixListId({ region }: Call, service: string): string {
  return `pl-${createHash("sha256").update(`${region} ${service}`).digest("hex").slice(0, 8)}`;
}
