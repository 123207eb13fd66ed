import { spawnSync } from "node:child_process";

/** Programs with the Debian package that brings each. Real parts are never skipped: without them the test fails. */
export function demandTools(packages: Readonly<Record<string, string>>): void {
  const missing = Object.entries(packages).filter(
    ([program]) => spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status !== 0,
  );
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(([, name]) => name))].join(" ");
  throw new Error(`this test wants real parts: apt-get install --no-install-recommends ${names}`);
}
