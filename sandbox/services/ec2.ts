import { type Call, type Handler, Refusal, type Service } from "../service.ts";
import { diskKeyOperations } from "./ec2/disk-key.ts";
import { endpointOperations, settleEndpoints } from "./ec2/endpoints.ts";
import { gatewayOperations, settleGateways } from "./ec2/gateways.ts";
import { imageOperations, settleImages } from "./ec2/images.ts";
import { settleInstances } from "./ec2/instance-life.ts";
import { instanceTypeOperations } from "./ec2/instance-types.ts";
import { instanceOperations } from "./ec2/instances.ts";
import { interfaceOperations } from "./ec2/interfaces.ts";
import { launchTemplateOperations } from "./ec2/launch-templates.ts";
import { networkOperations } from "./ec2/network.ts";
import { regionOperations } from "./ec2/regions.ts";
import { routeTableOperations } from "./ec2/route-tables.ts";
import { securityGroupOperations } from "./ec2/security-groups.ts";
import { snapshotOperations } from "./ec2/snapshots.ts";
import { tagOperations } from "./ec2/tags.ts";
import { settleTokens } from "./ec2/tokens.ts";
import { volumeOperations } from "./ec2/volumes.ts";

const OPERATIONS: Readonly<Record<string, Handler>> = {
  ...diskKeyOperations,
  ...endpointOperations,
  ...gatewayOperations,
  ...imageOperations,
  ...instanceOperations,
  ...instanceTypeOperations,
  ...interfaceOperations,
  ...launchTemplateOperations,
  ...networkOperations,
  ...regionOperations,
  ...routeTableOperations,
  ...securityGroupOperations,
  ...snapshotOperations,
  ...tagOperations,
  ...volumeOperations,
};

export const ec2: Service = {
  name: "ec2",
  client: () => import("@aws-sdk/client-ec2"),
  model: () => import("../models/ec2.json", { with: { type: "json" } }),
  operations: Object.fromEntries(Object.entries(OPERATIONS).map(([name, handler]) => [name, dryRunnable(handler)])),
  settle(call) {
    settleInstances(call);
    settleImages(call);
    settleGateways(call);
    settleEndpoints(call);
    settleTokens(call);
  },
};

/** With DryRun, what would have succeeded is refused, and a refusal undoes what was done. */
function dryRunnable(handler: Handler): Handler {
  return (input: { readonly DryRun?: boolean }, call: Call) => {
    const answer = handler(input, call);
    if (!input.DryRun) return answer;
    throw new Refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
  };
}
