import type { Call } from "../../service.ts";

/** What comes of a script: no shell runs it. */
export interface Outcome {
  readonly stdout: readonly string[];
  readonly exitCode: number;
  readonly takesMs: number;
}

export interface Surroundings {
  readonly call: Call;
  /** What the script pushes, by full ECR reference. */
  readonly pushes: readonly { readonly image: string; readonly digest: string }[];
  /** Of the first of them, when the registry has it already. */
  readonly digestInRegistry: string | undefined;
}

/** `bootstrap`'s own scripts are known by the lock that each of them takes; of any other, single lines are. */
export function outcomeOf(script: string, around: Surroundings): Outcome {
  const own = OWN_SCRIPTS.find(({ lock }) => script.includes(lock));
  if (own !== undefined) {
    const { call, digestInRegistry } = around;
    const isQuick = own.lock === IMAGE_LOCK && digestInRegistry !== undefined;
    return { stdout: own.prints(script, around), exitCode: 0, takesMs: isQuick ? quickly(call) : slowly(call) };
  }
  const lines = script.split(/\r?\n/);
  const end = lines.findIndex((line) => EXIT.test(line));
  const run = end < 0 ? lines : lines.slice(0, end);
  const sleepsMs = run.reduce((sum, line) => sum + Number(/^sleep (\d+)$/.exec(line)?.[1] ?? 0) * 1000, 0);
  return {
    stdout: run.flatMap((line) => printed(line, around)),
    exitCode: Number(EXIT.exec(lines[end] ?? "")?.[1] ?? 0),
    takesMs: sleepsMs + (SLOW.test(script) ? slowly(around.call) : quickly(around.call)),
  };
}

const EXIT = /^exit (\d+)$/;
const SLOW = /\b(dnf|yum|conda|pip3?|wget|curl|(docker|podman|buildah) (build|bud|push|pull))\b/;

function slowly(call: Call): number {
  return call.between(60_000, 180_000);
}

function quickly(call: Call): number {
  return call.between(1_000, 4_000);
}

const IMAGE_LOCK = "/run/bootstrap-image.lock";

const OWN_SCRIPTS: readonly { readonly lock: string; prints(script: string, around: Surroundings): string[] }[] = [
  {
    lock: "/run/bootstrap-provision.lock",
    prints: (script, { call }) => [
      ...installed(["lustre-client", ...words(script, "packages")], call),
      `bootstrap: checked: modules ${words(script, "modules").join(" ")}; tools ${words(script, "tools").join(" ")}`,
      `bootstrap: provisioned on kernel ${words(script, "os")[0] === "al2" ? "5.10.245-243.979.amzn2" : "6.1.158-180.294.amzn2023"}.x86_64`,
    ],
  },
  {
    lock: IMAGE_LOCK,
    prints(script, { call, pushes, digestInRegistry }) {
      const [image = ""] = words(script, "image");
      if (digestInRegistry !== undefined) {
        return [`bootstrap: ${image} is in the registry already`, `digest: ${digestInRegistry}`];
      }
      return ["Login Succeeded", ...built(image, call), ...pushed(pushes, call), `digest: ${pushes[0]?.digest ?? ""}`];
    },
  },
];

/** The words of `name='…'` or `name=('…' '…')` at the beginning of a line. */
function words(script: string, name: string): readonly string[] {
  const [, value = ""] = new RegExp(`^${name}=\\(?(.*?)\\)?$`, "m").exec(script) ?? [];
  return [...value.matchAll(/'([^']*)'|[^\s']+/g)].map(([word, quoted]) => quoted ?? word);
}

/** What a line prints that stands at the margin, where no condition and no function holds it back. */
const PROGRAMS: readonly (readonly [RegExp, (argument: string, around: Surroundings) => readonly string[]])[] = [
  [/^echo (["']?)(?<argument>[^"'$`\\|<>;&]*)\1$/, (text) => [text]],
  [/^(dnf|yum)\b.* install (?<argument>.+)$/, (names, { call }) => installed(names.split(/\s+/), call)],
  [/\b(docker|podman|buildah) login\b/, () => ["Login Succeeded"]],
  [/^(docker|podman|buildah) (build|bud)\b.*(-t|--tag) (?<argument>\S+)/, (tag, { call }) => built(tag, call)],
  [/^(docker|podman|buildah) push\b/, (_, { call, pushes }) => pushed(pushes, call)],
];

function printed(line: string, around: Surroundings): readonly string[] {
  for (const [form, prints] of PROGRAMS) {
    const found = form.exec(line);
    if (found) return prints(found.groups?.argument ?? "", around);
  }
  return [];
}

function installed(packages: readonly string[], call: Call): string[] {
  const versioned = packages
    .filter((name) => !name.startsWith("-"))
    .map((name) => `${name}-${call.between(1, 9)}.${call.between(0, 20)}.${call.between(0, 9)}.x86_64`);
  return [
    "Last metadata expiration check: 0:00:41 ago.",
    "Dependencies resolved.",
    ...versioned.map((name, index) => `  Installing : ${name}  ${index + 1}/${versioned.length}`),
    ...versioned.map((name, index) => `  Verifying  : ${name}  ${index + 1}/${versioned.length}`),
    "Complete!",
  ];
}

function built(tag: string, call: Call): string[] {
  const steps = Array.from({ length: 6 }, (_, step) => `#${step + 2} [${step + 1}/6] DONE ${call.between(1, 40)}.3s`);
  return ["#1 [internal] load build definition from Dockerfile", ...steps, `#8 naming to ${tag} done`];
}

function pushed(pushes: Surroundings["pushes"], call: Call): string[] {
  return pushes.flatMap(({ image, digest }) => [
    `The push refers to repository [${image.replace(/:[^:/]*$/, "")}]`,
    ...Array.from({ length: 4 }, () => `${call.id("", 12)}: Pushed`),
    `${/[^:]*$/.exec(image)![0]}: digest: ${digest} size: ${call.between(1200, 2600)}`,
  ]);
}
