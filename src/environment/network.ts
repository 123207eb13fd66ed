import { answerSystemsManager, logNowhereElse, policy } from "../aws/policies.ts";
import { placed } from "../engine/graph.ts";
import { instanceRole, type Scope } from "./scope.ts";

/** Ports of Lustre's network: https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html */
const LUSTRE_PORTS = [
  [988, 988],
  [1018, 1023],
] as const;

/** File system, builders and nodes, which reach each other and nobody else reaches. */
export function lustrePorts({ facts: { vpcId } }: Scope) {
  return placed({ inputs: () => ({ vpcId, selfTcp: LUSTRE_PORTS }) });
}

export function logs({ config }: Scope) {
  return placed({ inputs: () => ({ retentionDays: config.logs.retentionDays }) });
}

/** What the machines that jobs run on may do. */
export function nodeRole(scope: Scope) {
  const { arns, config } = scope;
  const rights = policy(...answerSystemsManager(), ...logNowhereElse(arns, config.name));
  return instanceRole(scope, rights, "service-role/AmazonEC2ContainerServiceforEC2Role");
}
