/** Is it the system's error of this code: `ENOENT`, `EEXIST`, `EPERM`, …? */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
