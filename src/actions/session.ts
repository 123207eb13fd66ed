import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Cloud } from "../aws/clients.ts";
import { awsWords, classify, hintFor, isAwsError, isDenied } from "../aws/errors.ts";
import { type Identity, whoAmI } from "../aws/facts.ts";
import { confirmAtTerminal } from "../cli/confirm.ts";
import { type Reach, reach } from "../cli/connection.ts";
import type { Flags } from "../cli/flags.ts";
import { isAlive, ourselves } from "../cli/pid.ts";
import { stopOnSignals } from "../cli/signals.ts";
import { colors } from "../cli/terminal.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { checkConfig, resolveConfig } from "../config/resolve.ts";
import { WORKLOADS_FOLDER } from "../config/workloads.ts";
import type { Clock } from "../engine/clock.ts";
import { Engine } from "../engine/engine.ts";
import { AbortedError, BootstrapError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import { manifestFile } from "../engine/manifest/file.ts";
import { lock } from "../engine/manifest/lock.ts";
import { Manifest, type Pins } from "../engine/manifest/manifest.ts";
import { chosenBefore } from "../facts/chosen.ts";
import { KINDS } from "../steps/index.ts";
import { openView } from "../ui/open-view.ts";
import type { View } from "../ui/view.ts";

/** Everything a verb works with, opened in the one order that is safe: lock, account and region, journal. */
export interface Session {
  readonly flags: Flags;
  readonly config: Config;
  readonly identity: Identity;
  readonly cloud: Cloud;
  readonly clock: Clock;
  readonly manifest: Manifest;
  /** What was chosen before; the manifest's pins, or where it lacks them what lives. */
  readonly chosen: Pins;
  readonly sandbox: boolean;
  /** What stands for AWS, where somebody said so. */
  readonly endpoint?: string | undefined;
  readonly signal: AbortSignal;
  readonly view: View;
  /** Where an image is built on this machine; what a killed run left there goes when the next one holds the lock. */
  readonly buildFolder: string;
  /** Asks the person; undefined where nobody is there to be asked. */
  readonly confirm?: ((message: string) => Promise<boolean>) | undefined;
  engine(graph: Graph<Cloud>): Engine<Cloud>;
}

/** Opens, works, closes, whatever happens. A verb that only looks takes no lock; one that chooses keeps to earlier choices. */
export async function withSession<T>(
  verb: string,
  flags: Flags,
  { locked, chooses }: { readonly locked: boolean; readonly chooses: boolean },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const signal = stopOnSignals();
  const { name, region: asked } = flags;
  const loaded = await loadConfig({
    file: flags.config,
    workloadsFolder: WORKLOADS_FOLDER,
    overrides: { name, region: asked },
  });
  const world = await reach(flags, signal);
  const closing: (() => Promise<void> | void)[] = [() => world.close()];
  try {
    const region = asked ?? loaded.values.region ?? (await world.defaultRegion());
    checkConfig(loaded, region);
    const path = `.bootstrap/${loaded.values.name}.${region}${world.sandbox ? ".sandbox" : ""}`;
    const buildFolder = `${path}.building`;
    const kind = flags.json ? "json" : process.stdout.isTTY && process.stdout.columns > 0 ? "listr" : "lines";
    const view = openView(kind, {
      ...{ stdout: process.stdout, stderr: process.stderr, verbose: flags.verbose ?? false },
      ...{ color: colors(), now: () => world.clock.now() },
    });
    closing.unshift(() => view.close());

    if (locked) {
      const owner = ourselves(verb);
      const say = (text: string) => view.onEvent({ type: "note", at: world.clock.now(), text });
      closing.unshift(await lock(`${path}.lock`, { owner, isAlive, takeOver: flags.takeOverLock ?? false, note: say }));
      await rm(buildFolder, { recursive: true, force: true });
    }
    const cloud = world.connect(region);
    closing.unshift(() => cloud.destroy());
    const identity = await identify(cloud, world, signal);
    const manifest = await Manifest.open(manifestFile(`${path}.json`), {
      name: loaded.values.name,
      account: identity.account,
      region,
    });
    if (manifest.fresh) {
      const others = otherEnvironments(`${path}.json`, world.sandbox);
      const text = `nothing is known here of ${loaded.values.name} in ${region}; other environments known here: ${others.join(", ")}`;
      if (others.length > 0) view.onEvent({ type: "note", at: world.clock.now(), text });
    }
    return await inWords(signal, async () => {
      const { name, filesystem } = loaded.values;
      const place = { name, region, cloud, manifest, lustre: filesystem.enabled };
      const chosen = chooses ? await chosenBefore(place) : manifest.pins;
      const config = resolveConfig(loaded, region, chooses ? chosen : null);
      return work({
        ...{ flags, config, identity, cloud, clock: world.clock, manifest, chosen, signal, view },
        ...{ sandbox: world.sandbox, endpoint: world.endpoint, confirm: confirmAtTerminal(flags, signal) },
        buildFolder,
        engine: (graph) =>
          new Engine<Cloud>({
            ...{ name: config.name, region, cloud, kinds: KINDS, graph, manifest, clock: world.clock, signal },
            ...{ errors: { trouble: classify, denied: isDenied, words: awsWords, hint: hintFor }, emit: view.onEvent },
            ...{ tags: config.tags, repair: flags.repair ?? false, keepTemporaries: flags.keepBuilder ?? false },
          }),
      });
    });
  } finally {
    for (const close of closing) await close();
  }
}

/** Of which environments there are journals beside this one: a mistyped name makes another environment, and bills for both. */
function otherEnvironments(path: string, sandbox: boolean): string[] {
  const own = sandbox ? /^([^.]+)\.([^.]+)\.sandbox\.json$/ : /^([^.]+)\.([^.]+)\.json$/;
  return listed(dirname(path))
    .filter((file) => file !== basename(path))
    .flatMap((file) => {
      const [, name, region] = own.exec(file) ?? [];
      return name === undefined ? [] : [`${name} in ${region}`];
    });
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** What AWS answers outside of a step is said in its own words, and not taken for a bug; a retry cut short by Ctrl-C is neither. */
async function inWords<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isAwsError(cause)) throw cause;
    if (signal.aborted) throw new AbortedError();
    const hint = hintFor(cause) ?? "run the same command again";
    throw new BootstrapError("aws", `asking AWS: ${awsWords(cause)}`, { hint, cause });
  }
}

const NO_ANSWER = "is the network up? To try it without an account, add --sandbox";
const NO_CREDENTIALS =
  "look at where the environment says that credentials are: AWS_PROFILE, AWS_ACCESS_KEY_ID, ~/.aws/config, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_FULL_URI";

async function identify(cloud: Cloud, { endpoint }: Reach, signal: AbortSignal): Promise<Identity> {
  try {
    return await whoAmI(cloud);
  } catch (cause) {
    if (signal.aborted) throw new AbortedError();
    if (cause instanceof BootstrapError) throw cause;
    const silent = endpoint === undefined ? NO_ANSWER : `does anything that speaks like AWS answer at ${endpoint}?`;
    const isAnswer = isAwsError(cause) && !/Invalid character in header/.test(cause.message);
    const hint = hintFor(cause) ?? (isAnswer ? silent : NO_CREDENTIALS);
    throw new BootstrapError("credentials", `asking AWS who we are: ${awsWords(cause)}`, { hint, cause });
  }
}
