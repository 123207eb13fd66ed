import type { Cloud } from "../aws/clients.ts";
import type { Step } from "../engine/step.ts";
import { ami } from "./ami.ts";
import { computeEnvironment } from "./compute-environment.ts";
import { filesystem } from "./filesystem/filesystem.ts";
import { instance } from "./instance.ts";
import { instanceProfile } from "./instance-profile.ts";
import { jobDefinition } from "./job-definition.ts";
import { jobQueue } from "./job-queue.ts";
import { launchTemplate } from "./launch-template.ts";
import { logGroup } from "./log-group.ts";
import { repository } from "./repository.ts";
import { role } from "./role.ts";
import { securityGroup } from "./security-group.ts";

/**
 * Every kind that can leave something behind, in the order of removal where no edge is known: what leans on others
 * comes before them.
 */
export const KINDS: readonly Step<unknown, unknown, unknown, Cloud>[] = [
  jobDefinition,
  jobQueue,
  computeEnvironment,
  launchTemplate,
  ami,
  instance,
  repository,
  filesystem,
  instanceProfile,
  role,
  logGroup,
  securityGroup,
] as readonly Step<never, unknown, never, Cloud>[] as readonly Step<unknown, unknown, unknown, Cloud>[];
