import { type Call, Refusal } from "../../service.ts";
import { ecsImages } from "./base-images.ts";
import { images, snapshots } from "./kinds.ts";
import { chosen, dateOf, listed } from "./listing.ts";
import type { Ec2Operations, Snapshot, Volume } from "./slice.ts";
import { setTags, tagListOf } from "./tags.ts";

/** A snapshot that is pending until the image it belongs to says otherwise. */
export function startSnapshot(
  call: Call,
  volume: Volume,
  description: string,
  visibleFrom: number,
  tags: Readonly<Record<string, string>>,
): string {
  const id = call.id("snap-");
  snapshots.add(call, id, {
    id,
    volumeId: volume.id,
    sizeGiB: volume.sizeGiB,
    encrypted: volume.encrypted,
    description,
    startedAt: call.now,
    visibleFrom,
    state: "pending",
  });
  setTags(call, id, tags);
  return id;
}

/** False when an image still needs it. */
export function deleteSnapshot(call: Call, id: string): boolean {
  if (imageOf(call, id) !== undefined) return false;
  snapshots.remove(call, id);
  return true;
}

function imageOf(call: Call, snapshotId: string): string | undefined {
  return images
    .all(call)
    .find(
      ({ state, devices }) => state !== "deregistered" && devices.some((device) => device.snapshotId === snapshotId),
    )?.id;
}

export const snapshotOperations = {
  DescribeSnapshots(input, call) {
    const own = snapshots.visible(call).map((snapshot) => ({ ...snapshot, ownerId: call.account }));
    const owned = chosen([...own, ...baseSnapshots(call)], input.SnapshotIds, snapshots.missing).filter(
      ({ ownerId }) => {
        const isOwner = (owner: string) =>
          owner === ownerId ||
          (owner === "self" && ownerId === call.account) ||
          (owner === "amazon" && ownerId !== call.account);
        return !input.OwnerIds?.length || input.OwnerIds.some(isOwner);
      },
    );
    const { items, nextToken } = listed(call, input, owned, {
      description: ({ description }) => description,
      encrypted: ({ encrypted }) => encrypted,
      "owner-id": ({ ownerId }) => ownerId,
      "snapshot-id": ({ id }) => id,
      "start-time": ({ startedAt }) => dateOf(startedAt).toISOString(),
      status: ({ state }) => state,
      "volume-id": ({ volumeId }) => volumeId,
      "volume-size": ({ sizeGiB }) => sizeGiB,
    });
    return {
      Snapshots: items.map((snapshot) => ({
        SnapshotId: snapshot.id,
        VolumeId: snapshot.volumeId,
        VolumeSize: snapshot.sizeGiB,
        Encrypted: snapshot.encrypted,
        Description: snapshot.description,
        StartTime: dateOf(snapshot.startedAt),
        CompletionTime: snapshot.completedAt === undefined ? undefined : dateOf(snapshot.completedAt),
        State: snapshot.state,
        Progress: snapshot.state === "completed" ? "100%" : "42%",
        OwnerId: snapshot.ownerId,
        StorageTier: "standard",
        Tags: tagListOf(call, snapshot.id),
      })),
      NextToken: nextToken,
    };
  },

  DeleteSnapshot({ SnapshotId: id = "" }, call) {
    snapshots.get(call, id);
    if (deleteSnapshot(call, id)) return;
    throw new Refusal("InvalidSnapshot.InUse", `The snapshot ${id} is currently in use by ${imageOf(call, id)}`);
  },
} satisfies Ec2Operations;

function baseSnapshots(call: Call): (Snapshot & { readonly ownerId: string })[] {
  return ecsImages(call).flatMap(({ id, devices, ownerId, publishedAt }) =>
    devices.map(({ snapshotId, sizeGiB, encrypted }) => ({
      id: snapshotId,
      volumeId: "vol-ffffffff",
      sizeGiB,
      encrypted,
      description: `Copied for DestinationAmi ${id}`,
      startedAt: publishedAt,
      completedAt: publishedAt,
      visibleFrom: 0,
      state: "completed" as const,
      ownerId,
    })),
  );
}
