import type { Call } from "../../service.ts";
import type { AnyImage } from "./images.ts";
import type { Instance } from "./slice.ts";

/** EC2 posts the console some time after boot; before that there is none. */
const POSTED_MS = 45_000;

/** What a Linux instance said on its console when it last booted; undefined until EC2 has posted it. */
export function consoleOutput({ now }: Call, instance: Instance, image: AnyImage | undefined): string | undefined {
  const { runningAt = Number.POSITIVE_INFINITY, rebootedAt = 0 } = instance;
  const bootedAt = Math.max(runningAt, rebootedAt);
  if (now < bootedAt + POSTED_MS) return undefined;
  const finished = new Date(bootedAt + 14_500).toUTCString().replace("GMT", "+0000");
  const seconds = (after: number) => `[${after.toFixed(6).padStart(12)}]`;
  const lines = [
    `${seconds(0)} Linux version 6.1.0-amzn (${instance.architecture})`,
    `${seconds(0.4)} DMI: Amazon EC2 ${instance.type}/, BIOS 1.0`,
    `${seconds(2.1)} systemd[1]: Detected virtualization amazon.`,
    `${seconds(6.8)} cloud-init[1640]: instance ${instance.id} from ${image?.name ?? instance.imageId}`,
    ...(instance.userData === undefined ? [] : [`${seconds(9.2)} cloud-init[1702]: running user data`]),
    `${seconds(14.5)} cloud-init[1702]: Cloud-init finished at ${finished}. Datasource DataSourceEc2. Up 14.50 seconds`,
    `${instance.id} login: `,
  ];
  return `${lines.join("\r\n")}\r\n`;
}
