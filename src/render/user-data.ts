import { multipart } from "./mime.ts";
import { render } from "./templates.ts";

export interface NodeBoot {
  readonly environment: string;
  /** The AMI the node runs, for the record in its ready file. */
  readonly image?: string | undefined;
  /** Absent for a workload without Lustre. */
  readonly filesystem?: NodeFilesystem | undefined;
  readonly scratch: NodeScratch;
}

interface NodeFilesystem {
  readonly dnsName: string;
  readonly mountName: string;
  readonly mountPoint: string;
  /** Made below the mount point, writable for every user. */
  readonly directories: readonly string[];
}

type NodeScratch =
  | {
      readonly kind: "instance-store";
      readonly mountPoint: string;
      /** How many a node has at least: so many are waited for. */
      readonly disks: number;
    }
  | { readonly kind: "ebs"; readonly mountPoint: string; readonly device: string }
  | { readonly kind: "none" };

const boothook = "text/cloud-boothook";

/** What a job node mounts, as MIME text (not base64), for the scripts in its image: see `nodeFiles`. */
export function nodeUserData({ environment, image = "", filesystem, scratch }: NodeBoot): string {
  const body = render("userdata/10-node.sh", {
    environment,
    image,
    filesystem: {
      source: filesystem === undefined ? "" : `${filesystem.dnsName}@tcp:/${filesystem.mountName}`,
      mountPoint: filesystem?.mountPoint ?? "",
      directories: filesystem?.directories ?? [],
    },
    scratch: { mountPoint: "", device: "", disks: 0, ...scratch },
  });
  return multipart([{ name: "10-node.sh", type: boothook, body }]);
}

/** What ends a forgotten builder, `hours` after each boot, as MIME text (not base64). */
export function builderUserData({ hours }: { readonly hours: number }): string {
  return multipart([{ name: "10-fuse.sh", type: boothook, body: render("bake/fuse.sh", { hours }) }]);
}
