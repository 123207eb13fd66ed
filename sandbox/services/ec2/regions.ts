import type { AvailabilityZoneOptInStatus } from "@aws-sdk/client-ec2";
import { isLocalZone, localZonesOf, regionsBeside, zonesOf } from "../../partition.ts";
import { type Call, Refusal } from "../../service.ts";
import { chosen, filtered } from "./listing.ts";
import { type Ec2Operations, ec2Slice } from "./slice.ts";

const OPTED = "opt-in-not-required";

export const regionOperations = {
  DescribeRegions({ RegionNames, Filters }, call) {
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

  DescribeAvailabilityZones({ ZoneNames, ZoneIds, Filters, AllAvailabilityZones }, call) {
    const enabled = new Set(enabledZones(call));
    const known = [...zonesOf(call.region), ...localZonesOf(call.region)];
    const all = known.map((id) => ({ id, zoneId: zoneIdOf(id) }));
    const invalid = ([id]: readonly string[]) =>
      new Refusal("InvalidParameterValue", `Invalid availability zone: [${id}]`);
    const named = chosen(all, ZoneNames, invalid).filter(
      ({ id, zoneId }) => (AllAvailabilityZones || enabled.has(id)) && (!ZoneIds || ZoneIds.includes(zoneId)),
    );
    const matching = filtered(call, named, Filters, {
      "group-name": ({ id }) => groupOf(call, id),
      "opt-in-status": ({ id }) => optInOf(id, enabled),
      "region-name": () => call.region,
      state: () => "available",
      "zone-id": ({ zoneId }) => zoneId,
      "zone-name": ({ id }) => id,
      "zone-type": ({ id }) => typeOf(id),
    });
    return {
      AvailabilityZones: call.shuffled(matching).map(({ id, zoneId }) => ({
        State: "available",
        OptInStatus: optInOf(id, enabled),
        Messages: [],
        RegionName: call.region,
        ZoneName: id,
        ZoneId: zoneId,
        GroupName: groupOf(call, id),
        NetworkBorderGroup: groupOf(call, id),
        ZoneType: typeOf(id),
        ...(isLocalZone(id) && {
          ParentZoneName: zonesOf(call.region)[0],
          ParentZoneId: zoneIdOf(zonesOf(call.region)[0]!),
        }),
      })),
    };
  },

  ModifyAvailabilityZoneGroup({ GroupName = "", OptInStatus }, call) {
    if (!localZonesOf(call.region).some((zone) => groupOf(call, zone) === GroupName)) {
      throw new Refusal("InvalidParameterValue", `Value (${GroupName}) for parameter GroupName is invalid.`);
    }
    if (OptInStatus !== "opted-in") {
      throw new Refusal("OptInRequired", "To opt out of a zone group, ask AWS Support.");
    }
    const { zoneGroups } = ec2Slice(call);
    if (!zoneGroups.includes(GroupName)) zoneGroups.push(GroupName);
    return { Return: true };
  },
} satisfies Ec2Operations;

/** The region's own zones, and the local ones that are switched on. */
export function enabledZones(call: Call): readonly string[] {
  const { zoneGroups } = ec2Slice(call);
  return [
    ...zonesOf(call.region),
    ...localZonesOf(call.region).filter((zone) => zoneGroups.includes(groupOf(call, zone))),
  ];
}

/** us-east-1a is use1-az1 in this account, us-west-2-lax-1a usw2-lax1-az1. */
export function zoneIdOf(zone: string): string {
  const [area = "", direction = "", number = "", city, place = ""] = zone.split("-");
  const short = direction.replace(/(north|south|east|west|central)/g, (word) => word.charAt(0));
  const inRegion = city === undefined ? "" : `-${city}${place.charAt(0)}`;
  const letter = (city === undefined ? number : place).charCodeAt(1) - "a".charCodeAt(0) + 1;
  return `${area}${short}${number.charAt(0)}${inRegion}-az${letter}`;
}

function groupOf({ region }: Call, zone: string): string {
  return isLocalZone(zone) ? zone.slice(0, -1) : region;
}

function typeOf(zone: string): string {
  return isLocalZone(zone) ? "local-zone" : "availability-zone";
}

function optInOf(zone: string, enabled: ReadonlySet<string>): AvailabilityZoneOptInStatus {
  if (!isLocalZone(zone)) return OPTED;
  return enabled.has(zone) ? "opted-in" : "not-opted-in";
}
