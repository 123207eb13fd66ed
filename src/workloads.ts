import { fileURLToPath } from "node:url";

/** The package's presets; this file and the bundle lie equally deep. */
export const WORKLOADS_FOLDER = fileURLToPath(new URL("../workloads/", import.meta.url));
