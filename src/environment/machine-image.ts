import { answerSystemsManager, logGroupArn, policy, writeLogs } from "../aws/policies.ts";
import { fingerprintOf } from "../engine/fingerprint.ts";
import { type Handle, placed } from "../engine/graph.ts";
import { bakeScript } from "../render/bake-script.ts";
import { builderUserData } from "../render/user-data.ts";
import type { AmiInputs } from "../steps/ami.ts";
import type { CommandOutput } from "../steps/command.ts";
import type { InstanceOutput } from "../steps/instance.ts";
import type { InstanceProfileOutput } from "../steps/instance-profile.ts";
import type { LogGroupOutput } from "../steps/log-group.ts";
import type { SecurityGroupOutput } from "../steps/security-group.ts";
import { instanceRole, type Scope } from "./scope.ts";

/** What the machine that is baked on may do. */
export function builderRole(scope: Scope) {
  const { arns, config } = scope;
  return instanceRole(scope, policy(...answerSystemsManager(), ...writeLogs(logGroupArn(arns, config.name))));
}

/** A machine for one piece of work, of the kind that the config asks for. */
export function builder(
  { config: { machineImage }, facts }: Scope,
  needs: {
    readonly group: Handle<SecurityGroupOutput>;
    readonly profile: Handle<InstanceProfileOutput>;
    /** Its agent makes the log group again while it is shut down: that one goes after it. */
    readonly log: Handle<LogGroupOutput>;
  },
  /** What else its work depends on than the script. */
  purpose?: string,
) {
  return placed({
    needs,
    inputs: ({ group, profile }) => ({
      imageId: facts.baseImageId,
      instanceType: machineImage.builderInstanceType,
      subnetId: facts.subnetId,
      securityGroupIds: [group.groupId],
      instanceProfileArn: profile.arn,
      userData: builderUserData({ hours: machineImage.fuseHours }),
      rootGiB: machineImage.rootGiB,
      purpose,
    }),
  });
}

/** What is baked into the image. */
export function purposeOf({ config, facts }: Scope): string {
  // Another recipe, or another bake of the same, begins on a machine that nothing was done to.
  return fingerprintOf([bakeScript(config), facts.forcedAt ?? null]);
}

export function provision(
  { config }: Scope,
  needs: { readonly machine: Handle<InstanceOutput>; readonly log: Handle<LogGroupOutput> },
) {
  const { fuseHours } = config.machineImage;
  return placed({
    needs,
    inputs: ({ machine, log }) => ({
      instanceId: machine.instanceId,
      script: bakeScript(config),
      logGroupName: log.logGroupName,
      timeoutSeconds: fuseHours * 3600,
    }),
  });
}

export function baked(
  { config, facts: { baseImageId, forcedAt } }: Scope,
  temporary: { readonly builder: Handle<InstanceOutput>; readonly provision: Handle<CommandOutput> },
) {
  const { rootGiB, os, keep } = config.machineImage;
  return placed({
    inputs: (): AmiInputs => ({ baseImageId, recipe: fingerprintOf([bakeScript(config), rootGiB]), os, forcedAt }),
    temporary,
    keep,
    pins: ({ baseImageId, forcedAt }) => ({ baseImage: baseImageId, forcedAt: forcedAt ?? "" }),
  });
}
