/** The folder of the package, with a slash at its end; this file and the bundle lie equally deep in it. */
export const PACKAGE = new URL("../", import.meta.url);
