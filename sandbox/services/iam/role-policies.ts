import type { AttachedPolicy } from "@aws-sdk/client-iam";
import type { Call } from "../../service.ts";
import { encoded, listed } from "./lists.ts";
import { checkPolicyArn, findPolicy } from "./policies.ts";
import { checkIdentityPolicy, policiesAllow } from "./policy-document.ts";
import { type IamOperations, limitExceeded, noSuchEntity, ownRole, type RoleState, roles } from "./state.ts";

const ATTACHED_LIMIT = 10;
const INLINE_BYTES_LIMIT = 10_240;

export const rolePolicyOperations = {
  AttachRolePolicy(input, call) {
    const role = ownRole(call, input.RoleName);
    const arn = input.PolicyArn!;
    checkPolicyArn(arn, call);
    if (findPolicy(call, arn) === undefined) {
      throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    }
    if (role.attached.includes(arn)) return {};
    if (role.attached.length >= ATTACHED_LIMIT) {
      throw limitExceeded(`Cannot exceed quota for PoliciesPerRole: ${ATTACHED_LIMIT}`);
    }
    role.attached.push(arn);
    return {};
  },

  DetachRolePolicy(input, call) {
    const role = ownRole(call, input.RoleName);
    checkPolicyArn(input.PolicyArn!, call);
    const at = role.attached.indexOf(input.PolicyArn!);
    if (at < 0) throw noSuchEntity(`Policy ${input.PolicyArn} was not found.`);
    role.attached.splice(at, 1);
    return {};
  },

  ListAttachedRolePolicies(input, call) {
    const policies = attachedTo(call, roles.read(call, input.RoleName), input.PathPrefix);
    const { items, next } = listed(call, input, policies, ({ PolicyArn }) => PolicyArn!);
    return { AttachedPolicies: items, ...next };
  },

  PutRolePolicy(input, call) {
    const role = ownRole(call, input.RoleName);
    const document = input.PolicyDocument!;
    checkIdentityPolicy(document, call.partition);
    const inline = { ...role.inline, [input.PolicyName!]: document };
    const bytes = Object.values(inline).join("").replaceAll(/\s/g, "").length;
    if (bytes > INLINE_BYTES_LIMIT) {
      throw limitExceeded(`Maximum policy size of ${INLINE_BYTES_LIMIT} bytes exceeded for role ${role.name}`);
    }
    role.inline = inline;
    return {};
  },

  GetRolePolicy(input, call) {
    const role = roles.read(call, input.RoleName);
    const document = role.inline[input.PolicyName!];
    if (document === undefined) throw noInlinePolicy(input.PolicyName);
    return { RoleName: role.name, PolicyName: input.PolicyName, PolicyDocument: encoded(document) };
  },

  ListRolePolicies(input, call) {
    const names = Object.keys(roles.read(call, input.RoleName).inline);
    const { items, next } = listed(call, input, names, (name) => name);
    return { PolicyNames: items, ...next };
  },

  DeleteRolePolicy(input, call) {
    const role = ownRole(call, input.RoleName);
    if (!(input.PolicyName! in role.inline)) throw noInlinePolicy(input.PolicyName);
    delete role.inline[input.PolicyName!];
    return {};
  },
} satisfies IamOperations;

/** Whether what is attached to a role, within its boundary, allows an action. An unknown role allows nothing. */
export function roleAllows(call: Call, roleName: string | undefined, action: string, resource: string): boolean {
  const role = roles.find(call, roleName);
  if (role === undefined) return false;
  const attached = role.attached.flatMap((arn) => findPolicy(call, arn)?.document ?? []);
  const within = role.boundary === undefined ? undefined : findPolicy(call, role.boundary)?.document;
  return (
    policiesAllow([...attached, ...Object.values(role.inline)], action, resource) &&
    (within === undefined || policiesAllow([within], action, resource))
  );
}

export function attachedTo(call: Call, { attached }: RoleState, pathPrefix = "/"): AttachedPolicy[] {
  return attached
    .map((arn) => findPolicy(call, arn)!)
    .filter(({ path }) => path.startsWith(pathPrefix))
    .map(({ arn, name }) => ({ PolicyName: name, PolicyArn: arn }));
}

function noInlinePolicy(name: string | undefined) {
  return noSuchEntity(`The role policy with name ${name} cannot be found.`);
}
