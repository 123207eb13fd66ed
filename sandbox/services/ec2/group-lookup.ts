import { type Call, Refusal } from "../../service.ts";
import { ec2Slice, type SecurityGroup } from "./slice.ts";

export function securityGroup(call: Call, id: string): SecurityGroup | undefined {
  return ec2Slice(call).groups[id];
}

/** The group with this id, or of this name in the default VPC. */
export function mustFindGroup(call: Call, id: string | undefined, name: string | undefined): SecurityGroup {
  const { groups, vpcs } = ec2Slice(call);
  if (id === undefined && name === undefined) {
    throw new Refusal("MissingParameter", "The request must contain the parameter groupName or groupId");
  }
  const inDefaultVpc = (group: SecurityGroup) => vpcs[group.vpcId]?.isDefault && group.name === name;
  const group = id === undefined ? Object.values(groups).find(inDefaultVpc) : groups[id];
  if (group === undefined) throw groupMissing([id ?? name ?? ""]);
  return group;
}

/** The refusal for groups that do not exist, or are malformed ids. */
export function groupMissing([id = ""]: readonly string[]): Refusal {
  if (id.startsWith("sg-") && !/^sg-[0-9a-f]{8,17}$/.test(id)) {
    return new Refusal("InvalidGroupId.Malformed", `Invalid id: "${id}" (expecting "sg-...")`);
  }
  return new Refusal("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
}
