import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The interpreter itself: a shim in its place may put directories of its own before our programs. */
export const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();

const places = "etc|var|run|root|home|usr/lib|dev|sys|fsx|data";

/** A folder that stands for a machine's root, with programs of ours in front of the real ones. */
export class StandInMachine implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "stand-in-"));

  constructor(programs: Readonly<Record<string, string>>) {
    for (const folder of ["bin", "dev", "run", "var/lib", "etc"])
      mkdirSync(join(this.root, folder), { recursive: true });
    symlinkSync("/dev/null", join(this.root, "dev/null"));
    for (const [name, body] of Object.entries(programs)) this.program(name, body);
  }

  /** Every call is recorded, one line each, before the body runs. */
  program(name: string, body: string): void {
    const record = `printf '%s\\n' "${name} $*" >>"$MACHINE/calls"`;
    writeFileSync(join(this.root, "bin", name), `#!/bin/bash\n${record}\n${body}\n`, { mode: 0o755 });
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string | undefined {
    return this.has(path) ? readFileSync(join(this.root, path), "utf8") : undefined;
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  calls(program = ""): readonly string[] {
    return (this.read("calls") ?? "").split("\n").filter((line) => line.startsWith(program) && line !== "");
  }

  /** Runs a script with its absolute paths moved below the stand-in's root; refuses one whose paths it cannot move. */
  run(script: string, at = "script.sh"): Ended {
    const moved = script.replace(new RegExp(`(?<![\\w}./-])/(${places})(?=[/'\\s])`, "g"), "@ROOT@/$1");
    const left = moved.match(new RegExp(`(?<![\\w}@./-])/(${places}|boot|tmp|opt|srv)\\b.*`));
    if (left) throw new Error(`the script would touch this machine's ${left[0]}`);
    // A console keeps what was written before; a file that is opened for writing does not.
    const lasting = moved.replaceAll(">@ROOT@/dev/console", ">>@ROOT@/dev/console");
    this.write(at, lasting.replaceAll("@ROOT@", this.root));
    return this.start("bash", [join(this.root, at)]);
  }

  start(program: string, words: readonly string[], environment: Readonly<Record<string, string>> = {}): Ended {
    const env = { PATH: `${join(this.root, "bin")}:${process.env.PATH}`, MACHINE: this.root, ...environment };
    return spawnSync(program, words, { env, encoding: "utf8", timeout: 20_000 });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
