import { rm } from "node:fs/promises";
import type { Cloud } from "../aws/clients.ts";
import { awsWords, classify, hintFor, isAwsError, isDenied } from "../aws/errors.ts";
import { type Identity, whoAmI } from "../aws/facts.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import { nearestOf, show } from "../config/problem.ts";
import { checkConfig, resolveConfig } from "../config/resolve.ts";
import { WORKLOADS_FOLDER } from "../config/workloads.ts";
import { Engine } from "../engine/engine.ts";
import { AbortedError, BootstrapError, ConfigError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import { Manifest } from "../engine/manifest/manifest.ts";
import { chosenBefore } from "../facts/chosen.ts";
import type { Scope } from "../facts/read-facts.ts";
import { KINDS } from "../steps/index.ts";
import { VERSION } from "../version.ts";
import type { Host, Io, Reach } from "./action.ts";
import { manifestsIn, type OnDisk, stemOf } from "./manifests.ts";
import type { Options, Target } from "./options.ts";

/** Everything an action works with, opened in the one order that is safe: lock, account and region, manifest. */
export interface Session extends Scope {
  readonly manifest: Manifest;
  readonly signal: AbortSignal;
  engine(graph: Graph<Cloud>): Engine<Cloud>;
}

export interface Opening {
  readonly verb: string;
  readonly options: Options;
  readonly io: Pick<Io, "event">;
  /** An action that only looks takes no lock. */
  readonly locked: boolean;
  /** One that chooses keeps to earlier choices. */
  readonly chooses: boolean;
}

type Close = () => Promise<void> | void;

/** Opens, works, closes, whatever happens. */
export async function withSession<T>(host: Host, opening: Opening, work: (session: Session) => Promise<T>): Promise<T> {
  const closing: Close[] = [];
  let done: T;
  try {
    done = await inWords(host.signal, async () => work(await open(host, opening, closing)));
  } catch (error) {
    const failures = await closeAll(closing);
    if (failures.length === 0) throw error;
    throw new AggregateError([...(error instanceof AggregateError ? error.errors : [error]), ...failures]);
  }
  const failures = await closeAll(closing);
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  return done;
}

/** What was opened last is closed first; each is closed, also after one that could not be. */
async function closeAll(closing: readonly Close[]): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  for (const close of closing.toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

/** What is to be closed is put into `closing` as soon as it is open. */
async function open(host: Host, opening: Opening, closing: Close[]): Promise<Session> {
  const { verb, options, io, locked, chooses } = opening;
  const { signal } = host;
  const written = await loadTarget(options);
  demandWorkload(written, options.workload);
  const world = await host.reach();
  closing.push(() => world.close());
  const { clock, sandbox, endpoint } = world;
  const note = (text: string) => io.event({ type: "note", at: clock.now(), text });
  const region = options.region ?? written.values.region ?? (await world.defaultRegion());
  const loaded = checkConfig(written, region);
  const { name, filesystem } = loaded.values;
  const path = pathOf(host, { name, region, sandbox });
  const buildFolder = `${path}.building`;
  if (locked) {
    closing.push(await host.lock(`${path}.lock`, { verb, takeOver: options.takeOverLock ?? false, note }));
    await rm(buildFolder, { recursive: true, force: true });
  }
  const cloud = world.connect(region);
  closing.push(() => cloud.destroy());
  const identity = await identify(cloud, world, signal);
  const began = { verb, name, region, account: identity.account, caller: identity.arn, sandbox, endpoint, locked };
  io.event({ type: "began", at: clock.now(), ...began, program: VERSION });
  const manifest = await Manifest.open(host.store(`${path}.json`), { name, account: identity.account, region });
  const others = manifest.fresh ? otherEnvironments(host.folder, { name, region, sandbox }) : [];
  if (others.length > 0)
    note(`nothing is known here of ${name} in ${region}; other environments known here: ${others.join(", ")}`);
  const place = { name, region, cloud, manifest, lustre: filesystem.enabled };
  const chosen = chooses ? await chosenBefore(place) : manifest.pins;
  const config = resolveConfig(loaded, region, chooses ? chosen : null);
  return {
    ...{ config, identity, cloud, clock, manifest, chosen, signal, sandbox, endpoint, buildFolder, note },
    engine: (graph) =>
      new Engine<Cloud>({
        ...{ name: config.name, region, cloud, kinds: KINDS, graph, manifest, clock, signal },
        ...{ errors: { trouble: classify, denied: isDenied, words: awsWords, hint: hintFor }, emit: io.event },
        ...{ tags: config.tags, repair: options.repair ?? false, keepTemporaries: options.keepBuilder ?? false },
      }),
  };
}

/** The config that is meant, as it is written. */
export function loadTarget(
  { config, name, region, workloadsFolder = WORKLOADS_FOLDER }: Target,
  workingFolder?: string,
) {
  return loadConfig({ file: config, workingFolder, workloadsFolder, overrides: { name, region } });
}

/** Refuses a workload that is none of the environment's. */
function demandWorkload({ values, others }: LoadedConfig, asked: string | undefined): void {
  const known = [values, ...others].map(({ workload }) => workload);
  if (asked === undefined || known.includes(asked)) return;
  const near = nearestOf(asked, known);
  throw new ConfigError(
    `--workload ${show(asked)}: there is none of this name in ${values.name}${near ? `; did you mean ${near}?` : ""}`,
    `its workloads: ${known.join(", ")}`,
  );
}

/** Of an environment's files, without what tells them apart. */
export function pathOf({ folder }: Pick<Host, "folder">, environment: OnDisk): string {
  return `${folder}/${stemOf(environment)}`;
}

/** Of which environments there are manifests beside this one: a mistyped name makes another environment, and bills for both. */
function otherEnvironments(folder: string, own: OnDisk): string[] {
  return manifestsIn(folder)
    .filter(({ name, region, sandbox }) => sandbox === own.sandbox && (name !== own.name || region !== own.region))
    .map(({ name, region }) => `${name} in ${region}`);
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

export async function identify(cloud: Cloud, { endpoint }: Reach, signal: AbortSignal): Promise<Identity> {
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
