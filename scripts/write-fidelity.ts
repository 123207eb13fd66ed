import { writeFile } from "node:fs/promises";
import { runGuide } from "../test/fidelity/guide-calls.ts";
import { productCalls } from "../test/fidelity/product-calls.ts";
import { fidelityPage } from "./fidelity/page.ts";

const guide = await runGuide();
const complaints = Object.values(guide.complaints).filter((complaint) => complaint !== "");
if (complaints.length > 0) throw new Error(`test/guide.sh did not go through:\n${complaints.join("\n")}`);
const page = fidelityPage({ product: await productCalls(), guide: guide.calls });
await writeFile(new URL("../docs/fidelity.md", import.meta.url), page);
