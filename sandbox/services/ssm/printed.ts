import type { Call } from "../../service.ts";

export interface Surroundings {
  readonly call: Call;
  /** The digest that a push of an image gives. */
  digestOf(image: string): string;
}

/** What programs one finds in set-up scripts print, roughly; nothing for those unknown. */
export function printedBy(words: readonly string[], around: Surroundings): readonly string[] {
  const [program = "", ...args] = words;
  const plain = args.filter((arg) => !arg.startsWith("-"));
  switch (program.replace(/^.*\//, "")) {
    case "dnf":
    case "yum":
      return plain[0] === "install" || plain[0] === "update" ? installed(plain.slice(1), around) : [];
    case "amazon-linux-extras":
      return plain[0] === "install"
        ? [`Installing ${plain.slice(1).join(", ")}`, ...installed(plain.slice(1), around)]
        : [];
    case "docker":
    case "podman":
    case "buildah":
      return byContainerTool(plain, args, around);
    case "uname":
      return [
        args.includes("-m")
          ? "x86_64"
          : args.includes("-r")
            ? KERNEL
            : args.includes("-a")
              ? `Linux ${KERNEL}`
              : "Linux",
      ];
    case "whoami":
      return ["root"];
    case "pwd":
      return ["/usr/bin"];
    case "date":
      return [new Date(around.call.now).toUTCString()];
    default:
      return [];
  }
}

/** Programs that take their time; a script without any is over in seconds. */
export function isSlow([program = "", ...args]: readonly string[]): boolean {
  return (
    /^(dnf|yum|amazon-linux-extras|conda|mamba|pip3?|mkfs\.\w+|wget|curl)$/.test(program) ||
    (/^(docker|podman|buildah)$/.test(program) && /^(build|push|pull|bud)$/.test(args[0] ?? ""))
  );
}

const KERNEL = "6.1.158-180.294.amzn2023.x86_64";

function installed(packages: readonly string[], { call }: Surroundings): readonly string[] {
  const version = () =>
    `${call.between(1, 9)}.${call.between(0, 20)}.${call.between(0, 9)}-${call.between(1, 9)}.amzn2023`;
  // An array's members come as one word.
  const names = packages.flatMap((words) => words.split(" ")).filter((name) => name !== "");
  const versioned = names.map((name) => `${name}-${version()}.x86_64`);
  return [
    "Last metadata expiration check: 0:00:41 ago.",
    "Dependencies resolved.",
    ...versioned.map((name) => ` Installing  ${name}`),
    "Running transaction check",
    "Running transaction",
    ...versioned.map((name, index) => `  Installing : ${name}  ${index + 1}/${versioned.length}`),
    ...versioned.map((name, index) => `  Verifying  : ${name}  ${index + 1}/${versioned.length}`),
    "Complete!",
  ];
}

function byContainerTool(plain: readonly string[], args: readonly string[], around: Surroundings): readonly string[] {
  const [verb = "", ...rest] = plain;
  if (verb === "login") return ["Login Succeeded"];
  if (verb === "build" || verb === "bud") return built(args, around);
  if (verb === "pull") return [`Pulling from ${rest[0] ?? ""}`, `Status: Downloaded newer image for ${rest[0] ?? ""}`];
  return verb === "push" ? pushed(rest[0] ?? "", around) : [];
}

function built(args: readonly string[], { call }: Surroundings): readonly string[] {
  const tag = args[args.findIndex((arg) => arg === "-t" || arg === "--tag") + 1] ?? "image";
  const steps = 6;
  return [
    "#1 [internal] load build definition from Dockerfile",
    "#2 [internal] load metadata for the base image",
    ...Array.from(
      { length: steps },
      (_, step) => `#${step + 3} [${step + 1}/${steps}] DONE ${call.between(1, 40)}.${call.between(0, 9)}s`,
    ),
    `#${steps + 3} exporting to image`,
    `#${steps + 3} naming to ${tag} done`,
  ];
}

function pushed(image: string, { call, digestOf }: Surroundings): readonly string[] {
  const [, repository = image, tag = "latest"] = /^(.*?)(?::([^/:]+))?$/.exec(image) ?? [];
  return [
    `The push refers to repository [${repository}]`,
    ...Array.from({ length: 4 }, () => `${call.id("", 12)}: Pushed`),
    `${tag}: digest: ${digestOf(image)} size: ${call.between(1200, 2600)}`,
  ];
}
