import { expect, it } from "vitest";
import { manPage } from "../../scripts/man-page.ts";
import { COMMANDS, COMMON } from "../../src/cli/commands.ts";

it("tells in the manual what help tells: every verb, flag, example and exit code", () => {
  const page = manPage().replaceAll("\\-", "-");
  for (const { name, hidden, flags = [], examples, exitCodes } of COMMANDS) {
    const section = page.split(`.SS bootstrap ${name}`)[1]?.split(/^\.S[SH] /m)[0];
    if (hidden) expect(section).toBeUndefined();
    for (const [flag, about] of hidden ? [] : flags) expect(section).toContain(`.TP\n\\fB${flag}\\fR\n${about}`);
    for (const [words] of examples) expect(section).toContain(`\\fB${`bootstrap ${name} ${words}`.trimEnd()}\\fR`);
    for (const code of hidden ? [] : Object.keys(exitCodes)) expect(section).toContain(`.TP\n\\fB${code}\\fR\n`);
  }
  for (const [flag] of Object.values(COMMON).flat()) expect(page).toContain(`\\fB${flag}\\fR`);
});

it("has no line that roff would take for a request of its own", () => {
  const requests = manPage()
    .split("\n")
    .filter((line) => /^[.']/.test(line));
  expect(requests.length).toBeGreaterThan(50);
  for (const line of requests) expect(line).toMatch(/^\.(TH|SH|SS|TP|PP|B|I)( |$)/);
});
