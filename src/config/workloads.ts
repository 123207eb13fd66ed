import { fileURLToPath } from "node:url";
import { PACKAGE } from "../package.ts";

/** The package's presets. */
export const WORKLOADS_FOLDER = fileURLToPath(new URL("workloads/", PACKAGE));
