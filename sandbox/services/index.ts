import type { Service } from "../service.ts";
import { batch } from "./batch.ts";
import { ec2 } from "./ec2.ts";
import { ecr } from "./ecr.ts";
import { fsx } from "./fsx.ts";
import { iam } from "./iam.ts";
import { logs } from "./logs.ts";
import { serviceQuotas } from "./service-quotas.ts";
import { ssm } from "./ssm.ts";
import { sts } from "./sts.ts";

/** In the order in which they are brought up to date: causes before effects. */
export const SERVICES: readonly Service[] = [iam, ec2, logs, ecr, fsx, ssm, batch, serviceQuotas, sts];
