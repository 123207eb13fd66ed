import { type Call, Refusal } from "../../service.ts";
import { securityGroups, vpcs } from "./kinds.ts";
import type { SecurityGroup } from "./slice.ts";

/** The group with this id, or of this name in the default VPC. */
export function mustFindGroup(call: Call, id: string | undefined, name: string | undefined): SecurityGroup {
  if (id === undefined && name === undefined) {
    throw new Refusal("MissingParameter", "The request must contain the parameter groupName or groupId");
  }
  const inDefaultVpc = (group: SecurityGroup) => vpcs.find(call, group.vpcId)?.isDefault && group.name === name;
  const group = id === undefined ? securityGroups.all(call).find(inDefaultVpc) : securityGroups.find(call, id);
  if (group === undefined) throw securityGroups.missing([id ?? name ?? ""]);
  return group;
}
