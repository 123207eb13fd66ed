import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  type IpPermission,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { ec2Lab, SEEN_SECONDS } from "./ec2-lab.ts";
import { codeOf } from "./memory.ts";

type Lab = ReturnType<typeof ec2Lab>;

async function create({ ec2 }: Lab, GroupName = "lustre", Description = "Lustre clients"): Promise<string> {
  return (await ec2.send(new CreateSecurityGroupCommand({ GroupName, Description }))).GroupId!;
}

const open = ({ ec2 }: Lab, GroupId: string, ...IpPermissions: IpPermission[]) =>
  ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));

const remove = ({ ec2 }: Lab, GroupId: string) => ec2.send(new DeleteSecurityGroupCommand({ GroupId }));

const tcp = (from: number, to: number, GroupId: string): IpPermission => ({
  IpProtocol: "tcp",
  FromPort: from,
  ToPort: to,
  UserIdGroupPairs: [{ GroupId }],
});

async function look({ ec2, pass }: Lab, id: string) {
  pass(SEEN_SECONDS);
  const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }));
  return SecurityGroups![0]!;
}

describe("a security group", () => {
  it("begins with open egress and nothing inbound, in the default VPC", async () => {
    const lab = ec2Lab();
    const group = await look(lab, await create(lab));
    expect(group.IpPermissions).toEqual([]);
    expect(group.IpPermissionsEgress).toMatchObject([{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }]);
    const { Vpcs } = await lab.ec2.send(new DescribeVpcsCommand({ VpcIds: [group.VpcId!] }));
    expect(Vpcs?.[0]?.IsDefault).toBe(true);
  });

  it("is not seen by Describe at once, yet takes its rules at once", async () => {
    const lab = ec2Lab();
    let early = 0;
    for (let turn = 0; turn < 10; turn++) {
      const GroupId = await create(lab, `g${turn}`);
      await open(lab, GroupId, tcp(988, 988, GroupId));
      const filter = { Name: "group-id", Values: [GroupId] };
      const { SecurityGroups } = await lab.ec2.send(new DescribeSecurityGroupsCommand({ Filters: [filter] }));
      early += SecurityGroups!.length;
      expect((await look(lab, GroupId)).GroupName).toBe(`g${turn}`);
    }
    expect(early).toBeLessThan(10);
  });

  it("has a name of its own in its VPC, whatever the case of its letters", async () => {
    const lab = ec2Lab();
    await create(lab, "Lustre");
    expect(await codeOf(create(lab, "lustre"))).toBe("InvalidGroup.Duplicate");
  });

  it("refuses names and descriptions AWS would not take", async () => {
    const lab = ec2Lab();
    expect(await codeOf(create(lab, "sg-mine"))).toBe("InvalidParameterValue");
    expect(await codeOf(create(lab, "n".repeat(256)))).toBe("InvalidParameterValue");
    expect(await codeOf(create(lab, "g", "it's ours"))).toBe("InvalidParameterValue");
    expect(await codeOf(create(lab, "g", "a < b"))).toBe("InvalidParameterValue");
  });

  it("groups its rules by protocol and ports", async () => {
    const lab = ec2Lab();
    const id = await create(lab);
    await open(lab, id, tcp(988, 988, id), tcp(1018, 1023, id));
    await open(lab, id, { IpProtocol: "tcp", FromPort: 988, ToPort: 988, IpRanges: [{ CidrIp: "10.0.0.0/8" }] });
    const { IpPermissions } = await look(lab, id);
    expect(IpPermissions).toHaveLength(2);
    expect(IpPermissions?.find(({ FromPort }) => FromPort === 988)).toMatchObject({
      IpRanges: [{ CidrIp: "10.0.0.0/8" }],
      UserIdGroupPairs: [{ GroupId: id, UserId: "123456789012" }],
    });
  });

  it("takes none of the rules of a request when one is there already", async () => {
    const lab = ec2Lab();
    const id = await create(lab);
    await open(lab, id, tcp(988, 988, id));
    const both = open(lab, id, tcp(1018, 1023, id), tcp(988, 988, id));
    expect(await codeOf(both)).toBe("InvalidPermission.Duplicate");
    expect((await look(lab, id)).IpPermissions).toHaveLength(1);
  });

  it("refuses rules that make no sense", async () => {
    const lab = ec2Lab();
    const id = await create(lab);
    const refused = (rule: IpPermission) => codeOf(open(lab, id, rule));
    expect(await refused(tcp(1023, 1018, id))).toBe("InvalidParameterValue");
    expect(await refused({ ...tcp(1, 2, id), IpProtocol: "tpc" })).toBe("InvalidParameterValue");
    expect(await refused({ IpProtocol: "tcp", FromPort: 1, ToPort: 2, IpRanges: [{ CidrIp: "10.0.0.0" }] })).toBe(
      "InvalidParameterValue",
    );
    expect(await refused(tcp(1, 2, "sg-00000000000000000"))).toBe("InvalidGroup.NotFound");
    expect(await codeOf(open(lab, id))).toBe("MissingParameter");
  });

  it("gives rules up by their shape or by their id, and refuses those it does not have", async () => {
    const lab = ec2Lab();
    const id = await create(lab);
    await open(lab, id, tcp(988, 988, id));
    const revoke = () =>
      lab.ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: id, IpPermissions: [tcp(988, 988, id)] }));
    await revoke();
    expect(await codeOf(revoke())).toBe("InvalidPermission.NotFound");
    const ofGroup = { Filters: [{ Name: "group-id", Values: [id] }] };
    const { SecurityGroupRules } = await lab.ec2.send(new DescribeSecurityGroupRulesCommand(ofGroup));
    expect(SecurityGroupRules).toMatchObject([{ IsEgress: true, CidrIpv4: "0.0.0.0/0" }]);
    const ids = SecurityGroupRules!.map(({ SecurityGroupRuleId }) => SecurityGroupRuleId!);
    await lab.ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: id, SecurityGroupRuleIds: ids }));
    expect((await look(lab, id)).IpPermissionsEgress).toEqual([]);
  });

  it("stays while an instance or another group needs it, not because of its own rules", async () => {
    const lab = ec2Lab();
    const [id, other] = [await create(lab, "one"), await create(lab, "other")];
    await open(lab, id, tcp(988, 988, id));
    await open(lab, other, tcp(988, 988, id));
    expect(await codeOf(remove(lab, id))).toBe("DependencyViolation");
    await remove(lab, other);
    const { InstanceId } = await lab.run({ SecurityGroupIds: [id] });
    expect(await codeOf(remove(lab, id))).toBe("DependencyViolation");
    lab.pass(60);
    await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId!] }));
    expect(await codeOf(remove(lab, id))).toBe("DependencyViolation");
    lab.pass(121);
    await remove(lab, id);
    expect(await codeOf(remove(lab, id))).toBe("InvalidGroup.NotFound");
  });

  it("of the name default cannot be deleted", async () => {
    const lab = ec2Lab();
    const isDefault = { Filters: [{ Name: "group-name", Values: ["default"] }] };
    const { SecurityGroups } = await lab.ec2.send(new DescribeSecurityGroupsCommand(isDefault));
    expect(await codeOf(remove(lab, SecurityGroups![0]!.GroupId!))).toBe("CannotDelete");
  });
});
