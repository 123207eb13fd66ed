/** https://no-color.org */
export function colors(stream: NodeJS.WriteStream = process.stdout): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (NO_COLOR) return false;
  return FORCE_COLOR !== undefined ? FORCE_COLOR !== "0" : (stream.isTTY ?? false);
}

export function errorColors(): boolean {
  return colors(process.stderr);
}
