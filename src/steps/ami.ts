import {
  CreateImageCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  type Image,
  type ImageState,
  paginateDescribeImages,
  paginateDescribeSnapshots,
  type Snapshot,
  type SnapshotState,
  StopInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { Cloud } from "../aws/clients.ts";
import { isUnsupported, NotYet, orNothing } from "../aws/errors.ts";
import { listed } from "../aws/pages.ts";
import { stateFrom } from "../aws/state.ts";
import {
  BASE_IMAGE_TAG,
  FORCED_TAG,
  fromTags,
  MADE_TAG,
  tagFilters,
  tagList,
  tagRecord,
  tagsOf,
  uniqueName,
} from "../aws/tags.ts";
import type { FindContext, Found, State, Step } from "../engine/step.ts";

export interface AmiInputs {
  readonly baseImageId: string;
  /** Fingerprint of what ran on the builder. */
  readonly recipe: string;
  readonly os: string;
  /** When a bake was forced although neither base image nor recipe had changed. */
  readonly forcedAt?: string | undefined;
}

export interface AmiOutput {
  readonly imageId: string;
  readonly baseImageId: string;
  readonly forcedAt?: string | undefined;
  readonly rootDeviceName?: string | undefined;
}

export interface AmiTemporaries {
  readonly builder: { readonly instanceId: string };
}

/** An image of the builder with its snapshots; a snapshot that outlives its image counts as a failed one. */
export const ami: Step<AmiInputs, AmiOutput, AmiTemporaries, Cloud> = {
  kind: "ami",
  naming: "token",
  pace: { expectMs: 90_000, everyMs: 5_000, timeoutMs: 60 * 60_000, earlyMs: 15 * 60_000 },

  async find(context) {
    const [images, snapshots] = await Promise.all([ownImages(context), ownSnapshots(context)]);
    return [
      ...images.map((image) => fromImage(context, image)),
      ...snapshots
        .filter((snapshot) => !images.some((image) => belongs(snapshot, image)))
        .map((snapshot) => fromSnapshot(context, snapshot)),
    ];
  },

  async create(context) {
    const { cloud, inputs, temporaries } = context;
    const Tags = tagList({
      ...tagsOf(context),
      [BASE_IMAGE_TAG]: inputs.baseImageId,
      ...(inputs.forcedAt !== undefined && { [FORCED_TAG]: inputs.forcedAt }),
    });
    await demandStopped(cloud, temporaries.builder.instanceId);
    const { ImageId } = await cloud.ec2.send(
      new CreateImageCommand({
        InstanceId: temporaries.builder.instanceId,
        Name: uniqueName(context),
        // If it runs all the same, AWS reboots it, so that its file systems are consistent.
        NoReboot: false,
        TagSpecifications: [
          { ResourceType: "image", Tags },
          { ResourceType: "snapshot", Tags },
        ],
      }),
    );
    return ImageId!;
  },

  async destroy({ cloud }, { ref }) {
    if (ref.startsWith("snap-")) {
      await orNothing(cloud.ec2.send(new DeleteSnapshotCommand({ SnapshotId: ref })));
      return;
    }
    try {
      await orNothing(cloud.ec2.send(new DeregisterImageCommand({ ImageId: ref, DeleteAssociatedSnapshots: true })));
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      const snapshots = await snapshotsOf(cloud, ref);
      await orNothing(cloud.ec2.send(new DeregisterImageCommand({ ImageId: ref })));
      // A snapshot that could not be deleted is found again by its own tags.
      for (const SnapshotId of snapshots) {
        await orNothing(cloud.ec2.send(new DeleteSnapshotCommand({ SnapshotId })));
      }
    }
  },
};

type Seeker = FindContext<AmiInputs, Cloud>;

/**
 * Nothing writes any more to a builder that is stopped, and its file systems are whole. Stopped from outside it is not
 * ended, although it ends itself when it is shut down from within:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingInstanceInitiatedShutdownBehavior.html.
 */
async function demandStopped({ ec2 }: Cloud, id: string): Promise<void> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  const word = Reservations?.[0]?.Instances?.[0]?.State?.Name;
  if (word === "running") await ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  if (word === "running" || word === "stopping") throw new NotYet(`${id} is being stopped before it is imaged`);
}

function ownImages(context: Seeker): Promise<Image[]> {
  const asked = { Owners: ["self"], IncludeDisabled: true, Filters: tagFilters(context) };
  return listed(paginateDescribeImages({ client: context.cloud.ec2 }, asked), ({ Images }) => Images);
}

async function snapshotsOf({ ec2 }: Cloud, imageId: string): Promise<string[]> {
  const answer = await orNothing(ec2.send(new DescribeImagesCommand({ ImageIds: [imageId] })));
  return (answer?.Images ?? []).flatMap(({ BlockDeviceMappings = [] }) =>
    BlockDeviceMappings.flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []),
  );
}

function ownSnapshots(context: Seeker): Promise<Snapshot[]> {
  const asked = { OwnerIds: ["self"], Filters: tagFilters(context) };
  return listed(paginateDescribeSnapshots({ client: context.cloud.ec2 }, asked), ({ Snapshots }) => Snapshots);
}

/** By the attempt that made both, because an image that is still pending does not name its snapshots yet. */
function belongs({ SnapshotId, Tags }: Snapshot, image: Image): boolean {
  return (
    (image.BlockDeviceMappings ?? []).some(({ Ebs }) => Ebs?.SnapshotId === SnapshotId) ||
    tagRecord(Tags)[MADE_TAG] === tagRecord(image.Tags)[MADE_TAG]
  );
}

const STATE: Readonly<Record<ImageState, State>> = {
  pending: "pending",
  transient: "pending",
  available: "ready",
  disabled: "failed",
  error: "failed",
  failed: "failed",
  invalid: "failed",
  deregistered: "deleting",
};

function fromImage(context: Seeker, image: Image): Found<AmiOutput> {
  const tags = tagRecord(image.Tags);
  const { ImageId: imageId, State: word, StateReason, CreationDate, RootDeviceName: rootDeviceName } = image;
  const { detail, ...condition } = stateFrom(STATE, word);
  return {
    ref: imageId!,
    ...fromTags(context, tags),
    ...condition,
    detail: StateReason?.Message || detail,
    createdAt: CreationDate === undefined ? undefined : new Date(CreationDate),
    output: {
      imageId: imageId!,
      baseImageId: tags[BASE_IMAGE_TAG] ?? "",
      ...(tags[FORCED_TAG] !== undefined && { forcedAt: tags[FORCED_TAG] }),
      ...(rootDeviceName !== undefined && { rootDeviceName }),
    },
  };
}

/** One that is still being written may belong to an image that is not visible yet. */
const ORPHAN_STATE: Readonly<Record<SnapshotState, State>> = {
  pending: "pending",
  completed: "failed",
  error: "failed",
  recoverable: "failed",
  recovering: "failed",
};

function fromSnapshot(context: Seeker, { SnapshotId, State: word, StartTime, Tags }: Snapshot): Found<AmiOutput> {
  const { detail: _word, ...condition } = stateFrom(ORPHAN_STATE, word);
  return {
    ref: SnapshotId!,
    ...fromTags(context, tagRecord(Tags)),
    ...condition,
    detail: "a snapshot without its image",
    createdAt: StartTime,
  };
}
