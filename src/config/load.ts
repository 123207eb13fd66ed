import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "../engine/errors.ts";
import { type Path, type Problem, problemsOf, show, showPath, unfolded, valueAt } from "./problem.ts";
import { brokenRulesOf, RULES, rulesIn } from "./rules.ts";
import { type CompleteConfig, completeSchema, type FileConfig, fileSchema } from "./schema.ts";
import { inOne } from "./shared.ts";
import { parseYaml, type YamlFile } from "./yaml-file.ts";

/** A config that holds in itself and, where it names a region, there; what depends on earlier choices is left to `resolveConfig`. */
export interface LoadedConfig {
  readonly values: CompleteConfig;
  /** The config file's folder, absolute: what its relative paths start from. */
  readonly folder: string;
  /** The same of each further workload: what all share is the same in each. */
  readonly others: readonly CompleteConfig[];
  /** All problems as one error, a line each, with the file and line they come from. */
  refuse(problems: readonly Problem[]): ConfigError;
}

export interface LoadOptions {
  /** Without it: `bootstrap.yaml` where there is one. */
  readonly file?: string | undefined;
  /** What the file's path starts from; without it the process's own. */
  readonly workingFolder?: string | undefined;
  /** The package's folder of presets. */
  readonly workloadsFolder: string;
  /** What flags say; stronger than any file. */
  readonly overrides?: { readonly name?: string | undefined; readonly region?: string | undefined };
}

const DEFAULT_FILE = "bootstrap.yaml";
const DEFAULT_WORKLOAD = "bcl2fastq";
/** Shown of one file's. */
const MOST_PROBLEMS = 50;

/** Start here: flags over the file over the workload's preset. Throws `ConfigError` with every problem at once. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { file, workloadsFolder, workingFolder = ".", overrides = {} } = options;
  const flags = check(flagsOf(overrides));
  if (file === "") throw new ConfigError('--config "": no file is named', "name one, or leave it out for the defaults");
  const label = file ?? DEFAULT_FILE;
  const path = resolve(workingFolder, label);
  const own = check(await readYaml(label, path, file !== undefined));
  const workloads = workloadsIn(own.good);
  const presets = new Map<string, Checked>();
  for (const name of Object.keys(workloads)) presets.set(name, check(await readPreset(workloadsFolder, name, own)));

  const sources = [flags, own, ...presets.values()];
  const refuse = (problems: readonly Problem[]) => {
    const placedIn = ({ workload = Object.keys(workloads)[0]!, path, text }: Problem) => {
      const within = ["workloads", workload, ...path];
      if (valueAt(own.value, within) !== undefined) return { source: own, path: within, text };
      const source = [flags, own, presets.get(workload)!].find(({ value }) => valueAt(value, path) !== undefined);
      return { source: source ?? own, path, text };
    };
    const given = problems.map(placedIn);
    const lines = sources.flatMap((source) => {
      const all = [...source.problems, ...given.filter((problem) => problem.source === source)];
      return [
        ...all
          .slice(0, MOST_PROBLEMS)
          .sort((a, b) => (source.lineOf(a.path) ?? 0) - (source.lineOf(b.path) ?? 0))
          .map((problem) => line(source, problem)),
        ...(all.length > MOST_PROBLEMS ? [`${source.label}: and ${all.length - MOST_PROBLEMS} more`] : []),
      ];
    });
    return new ConfigError([...new Set(lines)].join("\n"));
  };

  const { workload: _one, workloads: _several, ...root } = own.good;
  if (own.good.workload !== undefined && own.good.workloads !== undefined) {
    throw refuse([{ path: ["workloads"], text: "goes in place of workload: name all of them here" }]);
  }
  const wholes = Object.entries(workloads).map(([workload, overrides]) => {
    const merged = [{ workload }, presets.get(workload)!.good, root, overrides ?? {}, flags.good].reduce(merge);
    const complete = completeSchema.safeParse(merged);
    if (complete.success) return complete.data;
    throw refuse(problemsOf(complete.error.issues, merged).map((problem) => ({ ...problem, workload })));
  });
  const [values, ...others] = inOne(wholes, (problems) => refuse(problems));
  const broken = new Set(sources.flatMap((source) => source.problems.map(({ path }) => showPath(path))));
  const rules = values.region === undefined ? RULES : [...RULES, ...rulesIn(values.region)];
  const problems = brokenRulesOf([values, ...others], rules, broken);
  if (problems.length > 0 || broken.size > 0) throw refuse(problems);
  return { values, others, folder: dirname(path), refuse };
}

/** By name, in the order of the file, what each has otherwise. */
function workloadsIn({
  workload,
  workloads,
}: FileConfig): Exclude<FileConfig["workloads"], readonly string[] | undefined> {
  if (workloads === undefined) return { [workload ?? DEFAULT_WORKLOAD]: null };
  return Array.isArray(workloads) ? Object.fromEntries(workloads.map((name) => [name, null])) : workloads;
}

/** A file, the part of it that can be used, and what is wrong with the rest. */
interface Checked extends YamlFile {
  readonly good: FileConfig;
  readonly problems: readonly Problem[];
}

/** What one look finds may hide more, so it is looked at again without the bad keys. */
function check(file: YamlFile, value: unknown = file.value, before: readonly Problem[] = []): Checked {
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return { ...file, good: parsed.data, problems: before };
  const issues = unfolded(parsed.error.issues, value);
  const bad = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path],
  );
  return check(file, without(value, bad), [...before, ...problemsOf(issues, value)]);
}

/** A list with a bad item goes as a whole. */
function without(value: unknown, bad: readonly Path[]): unknown {
  const left = structuredClone(value);
  for (const path of bad) {
    const item = path.findIndex((key) => typeof key === "number");
    const key = item < 0 ? path : path.slice(0, item);
    const last = key.at(-1);
    if (last === undefined) return {};
    const parent = valueAt(left, key.slice(0, -1));
    if (isSection(parent)) Reflect.deleteProperty(parent, last);
  }
  return left;
}

function merge(under: object, over: object): object {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = isSection(value) && isSection(below) ? merge(below, value) : value;
  }
  return merged;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function line(source: YamlFile, { path, text }: Problem): string {
  const number = source.lineOf(path);
  const where = number === undefined ? source.label : `${source.label}:${number}`;
  return path.length > 0 ? `${where}: ${showPath(path)}: ${text}` : `${where}: ${text}`;
}

function flagsOf(overrides: NonNullable<LoadOptions["overrides"]>): YamlFile {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { label: "command line", value: Object.fromEntries(given), lineOf: () => undefined };
}

async function readYaml(label: string, path: string, mustExist: boolean): Promise<YamlFile> {
  try {
    return parseYaml(label, await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (codeOf(error) === "ENOENT" && !mustExist) return parseYaml(label, "");
    const why =
      codeOf(error) === "ENOENT"
        ? "there is no such file"
        : codeOf(error) === "EISDIR"
          ? "it is a folder"
          : `cannot be read: ${codeOf(error) ?? String(error)}`;
    throw new ConfigError(`${label}: ${why}`, "give the file with --config, or leave it out for the defaults");
  }
}

async function readPreset(folder: string, workload: string, own: YamlFile): Promise<YamlFile> {
  const path = join(folder, `${workload}.yaml`);
  try {
    return parseYaml(`workloads/${basename(path)}`, await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const known = await readdir(folder).catch(() => []);
    const names = known.filter((name) => name.endsWith(".yaml")).map((name) => name.slice(0, -".yaml".length));
    const allowed = names.sort().join(", ") || `none in ${folder}`;
    const text = `there is no ${show(workload)}; allowed: ${allowed}`;
    throw new ConfigError(line(own, { path: ["workload"], text }));
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
