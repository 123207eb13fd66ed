import type {
  AuthorizeSecurityGroupIngressCommandInput,
  RevokeSecurityGroupIngressCommandInput,
} from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { arnOf } from "./arn.ts";
import { mustFindGroup } from "./group-lookup.ts";
import { interfaces, rules, securityGroups, vpcs } from "./kinds.ts";
import { chosen, listed, soon } from "./listing.ts";
import { addRule, describedRule, permissionsOf, rulesOf, ruleWords, sameRule, wantedRules } from "./rules.ts";
import type { Ec2Operations, Rule, SecurityGroup } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

export const securityGroupOperations = {
  CreateSecurityGroup({ GroupName: name = "", Description: description = "", VpcId, TagSpecifications }, call) {
    const vpc = vpcs.get(call, VpcId ?? vpcs.all(call).find(({ isDefault }) => isDefault)?.id);
    checkText("GroupName", name);
    checkText("GroupDescription", description);
    if (/^sg-/i.test(name)) {
      const words = `Value (${name}) for parameter groupName is invalid. Group names cannot start with 'sg-'.`;
      throw new Refusal("InvalidParameterValue", words);
    }
    const sameName = (group: SecurityGroup) => group.name.toLowerCase() === name.toLowerCase();
    if (securityGroups.all(call).some((group) => group.vpcId === vpc.id && sameName(group))) {
      const words = `The security group '${name}' already exists for VPC '${vpc.id}'`;
      throw new Refusal("InvalidGroup.Duplicate", words);
    }
    const tags = specifiedTags(TagSpecifications, ["security-group"])("security-group");
    const id = call.id("sg-");
    securityGroups.add(call, id, { id, name, description, vpcId: vpc.id, visibleFrom: soon(call) });
    addRule(call, id, true, { protocol: "-1", from: -1, to: -1, peer: { kind: "cidr", value: "0.0.0.0/0" } });
    setTags(call, id, tags);
    return {
      GroupId: id,
      SecurityGroupArn: arnOf(call, "security-group", id),
      Tags: tagListOf(call, id),
    };
  },

  DescribeSecurityGroups(input, call) {
    const named = securityGroups.chosen(call, input.GroupIds).filter(({ name, vpcId }) => {
      return !input.GroupNames?.length || (vpcs.get(call, vpcId).isDefault && input.GroupNames.includes(name));
    });
    const lost = input.GroupNames?.find((name) => !named.some((group) => group.name === name));
    if (lost !== undefined) throw securityGroups.absent([lost]);
    const rulesIn = (id: string, egress: boolean) => rulesOf(call, id).filter((rule) => rule.egress === egress);
    const peers = (id: string, egress: boolean, kind: Rule["peer"]["kind"]) =>
      rulesIn(id, egress).flatMap(({ peer }) => (peer.kind === kind ? [peer.value] : []));
    const { items, nextToken } = listed(call, input, named, {
      description: ({ description }) => description,
      "egress.ip-permission.cidr": ({ id }) => peers(id, true, "cidr"),
      "egress.ip-permission.group-id": ({ id }) => peers(id, true, "group"),
      "group-id": ({ id }) => id,
      "group-name": ({ name }) => name,
      "ip-permission.cidr": ({ id }) => peers(id, false, "cidr"),
      "ip-permission.from-port": ({ id }) => rulesIn(id, false).map(({ from }) => from),
      "ip-permission.group-id": ({ id }) => peers(id, false, "group"),
      "ip-permission.protocol": ({ id }) => rulesIn(id, false).map(({ protocol }) => protocol),
      "ip-permission.to-port": ({ id }) => rulesIn(id, false).map(({ to }) => to),
      "owner-id": () => call.account,
      "vpc-id": ({ vpcId }) => vpcId,
    });
    return {
      SecurityGroups: items.map(({ id, name, description, vpcId }) => ({
        GroupId: id,
        GroupName: name,
        Description: description,
        VpcId: vpcId,
        OwnerId: call.account,
        SecurityGroupArn: arnOf(call, "security-group", id),
        IpPermissions: permissionsOf(call, rulesIn(id, false)),
        IpPermissionsEgress: permissionsOf(call, rulesIn(id, true)),
        Tags: tagListOf(call, id),
      })),
      NextToken: nextToken,
    };
  },

  DescribeSecurityGroupRules(input, call) {
    // EC2 itself sees a rule at once.
    const all = chosen(rules.all(call), input.SecurityGroupRuleIds, rules.missing);
    const { items, nextToken } = listed(call, input, all, {
      "group-id": ({ groupId }) => groupId,
      "security-group-rule-id": ({ id }) => id,
    });
    return { SecurityGroupRules: items.map((rule) => describedRule(call, rule)), NextToken: nextToken };
  },

  AuthorizeSecurityGroupIngress: (input, call) => authorize(input, call, false),
  AuthorizeSecurityGroupEgress: (input, call) => authorize(input, call, true),
  RevokeSecurityGroupIngress: (input, call) => revoke(input, call, false),
  RevokeSecurityGroupEgress: (input, call) => revoke(input, call, true),

  DeleteSecurityGroup({ GroupId, GroupName }, call) {
    const { id, name } = mustFindGroup(call, GroupId, GroupName);
    if (name === "default") {
      throw new Refusal("CannotDelete", `the specified group: "${id}" name: "default" cannot be deleted by a user`);
    }
    const used = interfaces.all(call).some(({ groupIds }) => groupIds.includes(id));
    const referred = rules
      .all(call)
      .some(({ groupId, peer }) => groupId !== id && peer.kind === "group" && peer.value === id);
    if (used || referred) throw new Refusal("DependencyViolation", `resource ${id} has a dependent object`);
    for (const rule of rulesOf(call, id)) rules.remove(call, rule.id);
    securityGroups.remove(call, id);
    return { Return: true, GroupId: id };
  },
} satisfies Ec2Operations;

function authorize(input: AuthorizeSecurityGroupIngressCommandInput, call: Call, egress: boolean) {
  const { id: groupId } = mustFindGroup(call, input.GroupId, input.GroupName);
  const tags = specifiedTags(input.TagSpecifications, ["security-group-rule"])("security-group-rule");
  const added = wantedRules(input, call).map((rule) => {
    if (rulesOf(call, groupId).some((other) => other.egress === egress && sameRule(other, rule))) {
      throw new Refusal("InvalidPermission.Duplicate", `the specified rule "${ruleWords(rule)}" already exists`);
    }
    const made = addRule(call, groupId, egress, rule);
    setTags(call, made.id, tags);
    return made;
  });
  return { Return: true, SecurityGroupRules: added.map((rule) => describedRule(call, rule)) };
}

function revoke(input: RevokeSecurityGroupIngressCommandInput, call: Call, egress: boolean) {
  const { id: groupId } = mustFindGroup(call, input.GroupId, input.GroupName);
  const mine = rulesOf(call, groupId).filter((rule) => rule.egress === egress);
  const byId = (input.SecurityGroupRuleIds ?? []).map((id) => {
    const rule = mine.find((each) => each.id === id);
    if (rule !== undefined) return rule;
    throw rules.missing([id]);
  });
  const wanted = byId.length > 0 && !input.IpPermissions ? [] : wantedRules(input, call);
  const byShape = wanted.map((want) => {
    const rule = mine.find((each) => sameRule(each, want));
    if (rule !== undefined) return rule;
    throw new Refusal("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
  });
  for (const { id } of [...byId, ...byShape]) rules.remove(call, id);
  return { Return: true };
}

function checkText(parameter: string, text: string): void {
  const words = `Value (${text}) for parameter ${parameter} is invalid.`;
  if (text.length === 0 || text.length > 255) {
    throw new Refusal("InvalidParameterValue", `${words} It must have 1 to 255 characters.`);
  }
  if (!/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]+$/.test(text)) {
    const allowed = "Character sets beyond ASCII are not supported: a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*";
    throw new Refusal("InvalidParameterValue", `${words} ${allowed}`);
  }
}
