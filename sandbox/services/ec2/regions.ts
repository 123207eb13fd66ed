import type {
  DescribeAvailabilityZonesCommandInput,
  DescribeAvailabilityZonesCommandOutput,
  DescribeRegionsCommandInput,
  DescribeRegionsCommandOutput,
} from "@aws-sdk/client-ec2";
import { regionsBeside, zonesOf } from "../../partition.ts";
import { type Call, Refusal } from "../../service.ts";
import { chosen, filtered } from "./listing.ts";

const OPTED = "opt-in-not-required";

export const regionOperations = {
  DescribeRegions(
    { RegionNames, Filters }: DescribeRegionsCommandInput,
    call: Call,
  ): Partial<DescribeRegionsCommandOutput> {
    const all = regionsBeside(call.region).map((id) => ({ id, endpoint: `ec2.${id}.${call.dnsSuffix}` }));
    const named = chosen(all, RegionNames, ([id]) => {
      return new Refusal("InvalidParameterValue", `Invalid region names: [${id}]`);
    });
    const matching = filtered(call, named, Filters, {
      "region-name": ({ id }) => id,
      endpoint: ({ endpoint }) => endpoint,
      "opt-in-status": () => OPTED,
    });
    return {
      Regions: call
        .shuffled(matching)
        .map(({ id, endpoint }) => ({ RegionName: id, Endpoint: endpoint, OptInStatus: OPTED })),
    };
  },

  DescribeAvailabilityZones(
    { ZoneNames, ZoneIds, Filters }: DescribeAvailabilityZonesCommandInput,
    call: Call,
  ): Partial<DescribeAvailabilityZonesCommandOutput> {
    const all = zonesOf(call.region).map((id) => ({ id, zoneId: zoneIdOf(id) }));
    const invalid = ([id]: readonly string[]) =>
      new Refusal("InvalidParameterValue", `Invalid availability zone: [${id}]`);
    const named = chosen(all, ZoneNames, invalid).filter(({ zoneId }) => !ZoneIds || ZoneIds.includes(zoneId));
    const matching = filtered(call, named, Filters, {
      "group-name": () => call.region,
      "opt-in-status": () => OPTED,
      "region-name": () => call.region,
      state: () => "available",
      "zone-id": ({ zoneId }) => zoneId,
      "zone-name": ({ id }) => id,
      "zone-type": () => "availability-zone",
    });
    return {
      AvailabilityZones: call.shuffled(matching).map(({ id, zoneId }) => ({
        State: "available",
        OptInStatus: OPTED,
        Messages: [],
        RegionName: call.region,
        ZoneName: id,
        ZoneId: zoneId,
        GroupName: call.region,
        NetworkBorderGroup: call.region,
        ZoneType: "availability-zone",
      })),
    };
  },
};

/** us-east-1a is use1-az1 in this account. */
export function zoneIdOf(zone: string): string {
  const [area = "", direction = "", number = ""] = zone.split("-");
  const short = direction.replace(/(north|south|east|west|central)/g, (word) => word.charAt(0));
  return `${area}${short}${number.charAt(0)}-az${number.charCodeAt(1) - "a".charCodeAt(0) + 1}`;
}
