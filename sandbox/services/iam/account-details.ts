import type { RoleDetail } from "@aws-sdk/client-iam";
import { type Call, Refusal } from "../../service.ts";
import { profilesOf } from "./instance-profiles.ts";
import { encoded, listed } from "./lists.ts";
import { attachedTo } from "./role-policies.ts";
import { boundaryOf, summary, tagsOf } from "./roles.ts";
import { type IamOperations, type RoleState, roles } from "./state.ts";

/** Of roles alone: users, groups and policies are not told here. */
export const accountDetailOperations = {
  GetAccountAuthorizationDetails(input, call) {
    if (input.Filter?.join() !== "Role")
      throw new Refusal("InvalidInput", "The sandbox tells the details of roles only.");
    const { items, next } = listed(call, input, roles.visible(call), ({ name }) => name);
    return { RoleDetailList: items.map((role) => detailOf(call, role)), ...next };
  },
} satisfies IamOperations;

/** Other than in a list, with tags and boundary; the profiles are as in a list. */
function detailOf(call: Call, role: RoleState): RoleDetail {
  const { Description: _description, MaxSessionDuration: _duration, ...known } = summary(role);
  return {
    ...{ ...known, ...boundaryOf(role), ...tagsOf(role), RoleLastUsed: {} },
    InstanceProfileList: profilesOf(call, role.name),
    RolePolicyList: Object.entries(role.inline).map(([PolicyName, document]) => ({
      PolicyName,
      PolicyDocument: encoded(document),
    })),
    AttachedManagedPolicies: attachedTo(call, role),
  };
}
