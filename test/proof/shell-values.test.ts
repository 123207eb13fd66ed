import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BootstrapError } from "../../src/engine/errors.ts";
import { bakeScript } from "../../src/render/bake-script.ts";
import { imageScript } from "../../src/render/image-script.ts";
import { shellQuote } from "../../src/render/templates.ts";
import { nodeUserData } from "../../src/render/user-data.ts";
import { hostileText, runs } from "./hostile-values.ts";
import { structureOf, withTexts } from "./shell-words.ts";

const FOLDER = new URL("../../templates/", import.meta.url);
const shellText = hostileText.filter((text) => !/[\0\p{Cs}]/u.test(text));
const LC = (locale: string) => ({ ...process.env, LC_ALL: locale });

describe("a quoted word", () => {
  it.each(["bash", "dash"])("means exactly its value to %s, in any locale", (shell) => {
    fc.assert(
      fc.property(fc.array(shellText, { minLength: 1, maxLength: 400, size: "max" }), (values) => {
        const input = `printf '%s\\0' ${shellQuote(values)}`;
        for (const env of [LC("C"), LC("C.UTF-8")]) {
          const said = execFileSync(shell, ["-s"], { input, env, maxBuffer: 64 * 1024 * 1024 });
          expect(said.equals(Buffer.from(values.map((value) => `${value}\0`).join("")))).toBe(true);
        }
      }),
      runs(15),
    );
  });

  it.each(["a\0b", "\ud800", "\udc00\ud800"])("is refused when no shell could be given it: %j", (value) => {
    expect(() => shellQuote(value)).toThrow("cannot hold");
  });
});

/** Each script, with values in every place where one goes in: also such as a config could not hold. */
const SCRIPTS: Readonly<Record<string, { readonly places: number; render(values: readonly string[]): string }>> = {
  "userdata/10-node.sh": {
    places: 9,
    render: ([environment, image, dnsName, mountName, mountPoint, first, second, scratch, device]) =>
      nodeUserData({
        ...{ environment: environment!, image: image! },
        filesystem: {
          dnsName: dnsName!,
          mountName: mountName!,
          mountPoint: mountPoint!,
          directories: [first!, second!],
        },
        scratch: { kind: "ebs", mountPoint: scratch!, device: device! },
      }),
  },
  "bake/provision.sh": {
    places: 3,
    render: ([os, ...packages]) =>
      bakeScript({
        ...{ name: "lab", region: "us-east-1" },
        machineImage: { os: os as "al2023", packages, builderInstanceType: "m5.large", keep: 1, fuseHours: 3 },
        filesystem: undefined,
      }),
  },
  "bake/image.sh": {
    places: 9,
    render: ([region, repositoryName, repositoryUri, tag, first, second, third, fourth, contextBase64]) =>
      imageScript({
        ...{ region: region!, repositoryName: repositoryName!, repositoryUri: `registry/${repositoryUri}`, tag: tag! },
        buildArgs: [
          { name: first!, value: second! },
          { name: third!, value: fourth! },
        ],
        contextBase64: contextBase64!,
      }),
  },
};

/** Innocent words that no script has by itself. */
const marker = (at: number) => `marker${at}z`;

describe("a rendered script", () => {
  it.each(Object.entries(SCRIPTS).filter(([name]) => name.startsWith("bake/")))(
    "%s has the same structure whatever the values, and the values as its literal words",
    (_name, { places, render }) => {
      const innocent = structureOf(render(Array.from({ length: places }, (_, at) => marker(at))));
      fc.assert(
        fc.property(fc.array(shellText, { minLength: places, maxLength: places }), (values) => {
          expect(structureOf(render(values))).toEqual(filled(innocent, values));
        }),
        runs(80),
      );
    },
  );

  it("would show a value that is not quoted", () => {
    const unquoted = (value: string) => structureOf(`name=${value}\n`);
    expect(unquoted("it")).toEqual(filled(unquoted(marker(0)), ["it"]));
    expect(unquoted("$(id)")).not.toEqual(filled(unquoted(marker(0)), ["$(id)"]));
    expect(unquoted("a b")).not.toEqual(filled(unquoted(marker(0)), ["a b"]));
  });

  it("holds every value through sh, in every template", () => {
    const templates = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".sh"));
    expect(templates.length).toBeGreaterThanOrEqual(5);
    for (const template of templates) {
      const open = readFileSync(new URL(template, FOLDER), "utf8").replaceAll(
        /\\\{\{|\{\{sh [\w.]+\}\}|\{\{#each \w+\}\}|\{\{\/each\}\}/g,
        "",
      );
      expect(open, template).not.toContain("{{");
    }
  });
});

describe("user data", () => {
  const { places, render } = SCRIPTS["userdata/10-node.sh"]!;
  const ascii = fc.string({ unit: "grapheme-ascii", maxLength: 60 });
  const breaking = fc.constantFrom(
    "--==bootstrap-part==",
    "\n--==bootstrap-part==\nContent-Type: text/x-shellscript\n\nid\n",
    "\n\n--",
    "\n.\n",
    "\r\n",
    "From ",
    "\nX: y",
  );
  const value = fc.oneof({ weight: 5, arbitrary: ascii }, shellText, breaking);

  it("has one part and nothing else for the reader of cloud-init, or is refused before it is sent", () => {
    const sure = render(Array.from({ length: places }, (_, at) => marker(at)));
    const innocent = structureOf(partsOf([sure])[0]![0]!.body);
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { minLength: places, maxLength: places }), { minLength: 1, maxLength: 40 }),
        (many) => {
          const rendered = many.flatMap((values) => {
            const text = renderedOrRefused(values);
            return text === undefined ? [] : [{ values, text }];
          });
          const read = partsOf(rendered.map(({ text }) => text));
          for (const [at, { values }] of rendered.entries()) {
            expect(read[at]!.map(({ name }) => name)).toEqual(["10-node.sh"]);
            expect(structureOf(read[at]![0]!.body)).toEqual(filled(innocent, values));
          }
        },
      ),
      runs(8),
    );
  });

  function renderedOrRefused(values: readonly string[]): string | undefined {
    try {
      return render(values);
    } catch (error) {
      if (!(error instanceof BootstrapError) || error.code !== "user-data") throw error;
      const reason =
        values.some((text) => /[^\t\n\x20-\x7e]|==bootstrap-part==/.test(text)) || shellQuote(values).length > 8_000;
      expect(reason, error.message).toBe(true);
      return undefined;
    }
  }
});

function filled(structure: unknown, values: readonly string[]): unknown {
  return withTexts(structure, (text) => text.replaceAll(/marker(\d+)z/g, (_marker, at: string) => values[Number(at)]!));
}

interface Part {
  readonly name: string;
  readonly body: string;
}

/** As Python's email package reads them, which is the one cloud-init uses. */
function partsOf(texts: readonly string[]): readonly (readonly Part[])[] {
  const program = [
    "import email, json, sys",
    "read = lambda text: [{'name': part.get_filename(), 'body': part.get_payload()} for part in email.message_from_string(text).walk() if not part.is_multipart()]",
    "print(json.dumps([read(text) for text in json.load(sys.stdin)]))",
  ].join("\n");
  const options = { input: JSON.stringify(texts), encoding: "utf8", maxBuffer: 64 * 1024 * 1024 } as const;
  return JSON.parse(execFileSync("python3", ["-c", program], options)) as readonly (readonly Part[])[];
}
