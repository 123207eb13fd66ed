import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bakeTargets, factsForBake } from "../../src/actions/bake-ami.ts";
import type { Session } from "../../src/actions/session.ts";
import { act } from "../../src/actions/up.ts";
import type { Cloud } from "../../src/aws/clients.ts";
import { awsWords, classify, hintFor, isDenied } from "../../src/aws/errors.ts";
import { whoAmI } from "../../src/aws/facts.ts";
import type { Flags } from "../../src/cli/flags.ts";
import { loadConfig } from "../../src/config/load.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { WORKLOADS_FOLDER } from "../../src/config/workloads.ts";
import { Engine, type Plan, type Summary } from "../../src/engine/engine.ts";
import type { Event } from "../../src/engine/events.ts";
import { Graph } from "../../src/engine/graph.ts";
import { Manifest } from "../../src/engine/manifest/manifest.ts";
import { environment } from "../../src/environment/index.ts";
import { chosenBefore } from "../../src/facts/chosen.ts";
import { readFacts } from "../../src/facts/read-facts.ts";
import { KINDS } from "../../src/steps/index.ts";
import { memoryStore } from "../engine/toy-cloud.ts";
import { type Lab, lab } from "../steps/harness.ts";

export interface Ran {
  readonly plan: Plan<Cloud>;
  readonly summary: Summary | undefined;
  readonly events: readonly Event[];
  /** What this run asked of AWS; `writes` are those that AWS did. */
  readonly calls: readonly { readonly operation: string; readonly kind: "read" | "write" }[];
  readonly writes: readonly string[];
}

/** Polls are so many times rarer than a real run's: most of what a run asks is whether it may go on. */
const OVERSLEEP = 10;

/** One environment in a sandbox in process, with its journal in memory and a clock that jumps. */
export class Site {
  readonly lab: Lab;
  /** Without this the next run finds no manifest. */
  store = memoryStore();
  readonly region: string;

  constructor(region = "us-east-1", within?: Lab) {
    this.region = region;
    this.lab = within ?? lab(region, { oversleep: OVERSLEEP });
  }

  up(yaml = "", flags: Flags = {}): Promise<Ran> {
    return this.#run(yaml, flags, async (session) => {
      const facts = await readFacts(session);
      return { facts, graph: environment(session.config, facts), targets: undefined };
    });
  }

  bake(yaml = "", flags: Flags = {}): Promise<Ran> {
    return this.#run(yaml, flags, async (session) => {
      const facts = await factsForBake(session);
      const graph = environment(session.config, facts);
      return { facts, graph, targets: bakeTargets(graph) };
    });
  }

  async teardown(yaml = "") {
    const { session } = await this.open(yaml);
    const engine = session.engine(new Graph<Cloud>());
    return engine.down((await engine.everything()).things);
  }

  async #run(
    yaml: string,
    flags: Flags,
    prepare: (session: Session) => Promise<{
      facts: Awaited<ReturnType<typeof readFacts>>;
      graph: Graph<Cloud>;
      targets: ReadonlySet<string> | undefined;
    }>,
  ): Promise<Ran> {
    const before = this.lab.calls.length;
    const { session, events } = await this.open(yaml, flags);
    const { facts, graph, targets } = await prepare(session);
    const engine = session.engine(graph);
    const plan = await engine.plan(targets);
    let summary: Summary | undefined;
    if (!flags.dryRun && !plan.idle) {
      summary = await act(session, facts, engine, plan);
    }
    const calls = this.lab.calls.slice(before);
    return {
      plan,
      summary,
      events,
      calls,
      writes: calls
        .filter(({ kind, outcome }) => kind === "write" && outcome === "ok")
        .map(({ operation }) => operation),
    };
  }

  /** What a verb is handed. */
  async open(yaml = "", flags: Flags = {}) {
    const { cloud, clock } = this.lab;
    const loaded = await loadConfig({
      file: fileWith(this.region.startsWith("cn-") && !yaml.includes("container") ? `${yaml}\n${MIRRORS}` : yaml),
      workloadsFolder: WORKLOADS_FOLDER,
      overrides: { region: this.region },
    });
    const identity = await whoAmI(cloud);
    const { name } = loaded.values;
    const manifest = await Manifest.open(this.store, { name, account: identity.account, region: this.region });
    const place = { name, region: this.region, cloud, manifest, lustre: loaded.values.filesystem.enabled };
    const chosen = await chosenBefore(place);
    const config = resolveConfig(loaded, this.region, chosen);
    const events: Event[] = [];
    const { signal } = new AbortController();
    const session: Session = {
      ...{ flags, config, identity, cloud, clock, manifest, chosen, signal, sandbox: true, buildFolder: "unused" },
      view: { onEvent: (event) => events.push(event), close: async () => {} },
      engine: (graph) =>
        new Engine<Cloud>({
          ...{ name, region: this.region, cloud, kinds: KINDS, graph, manifest, clock, signal },
          ...{
            errors: { trouble: classify, denied: isDenied, words: awsWords, hint: hintFor },
            emit: (event: Event) => events.push(event),
          },
          ...{ tags: config.tags, repair: flags.repair ?? false, keepTemporaries: flags.keepBuilder ?? false },
        }),
    };
    return { session, events };
  }
}

/** Without these no instance builds in China. */
const MIRRORS =
  "container: { mirrors: { baseImage: 'registry.example.com/micromamba:1', conda: 'https://conda.example.com' } }";

const files = new Map<string, string>();

/** One file for each text, however many runs read it. */
function fileWith(yaml: string): string {
  const file = files.get(yaml) ?? join(mkdtempSync(join(tmpdir(), "bootstrap-site-")), "bootstrap.yaml");
  if (!files.has(yaml)) writeFileSync(file, yaml);
  files.set(yaml, file);
  return file;
}
