import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { hasCode } from "../engine/file-error.ts";
import type { Owner } from "../engine/manifest/lock.ts";

/** This process, as the holder of a lock. */
export function ourselves(verb: string): Owner {
  const { pid } = process;
  const since = new Date().toISOString();
  return { pid, host: hostname(), since, verb, born: bornAt(pid), pidNamespace: pidNamespace() };
}

/** https://man7.org/linux/man-pages/man7/pid_namespaces.7.html */
function pidNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

/** Is it this process of our host that lives, and not another one that got its number? */
export function isAlive({ pid, born }: Pick<Owner, "pid" | "born">): boolean {
  const seen = inProc(pid);
  if (seen === undefined) return answers(pid);
  // A zombie is dead; only nobody has asked yet how it ended.
  return seen.state !== "Z" && (born === undefined || born === seen.born);
}

/** When a process was started, in a form that no other process of this number shares; undefined where the system does not tell. */
export function bornAt(pid: number): string | undefined {
  return inProc(pid)?.born;
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function inProc(pid: number): { readonly state: string; readonly born: string } | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // The second field is the program's name in brackets, and may itself hold brackets and spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    return { state: fields[0]!, born: `${boot} ${fields[19]}` };
  } catch {
    return undefined;
  }
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process cannot be signalled, but it lives.
    return hasCode(error, "EPERM");
  }
}
