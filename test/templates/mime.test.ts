import { describe, expect, it } from "vitest";
import { multipart } from "../../src/render/mime.ts";

const shell = { name: "20-b.sh", type: "text/x-shellscript", body: "#!/bin/sh\ntrue\n" };

describe("multipart", () => {
  it("writes what Batch and cloud-init read", () => {
    expect(multipart([{ name: "10-a.sh", type: "text/cloud-boothook", body: "#!/bin/sh\n" }, shell])).toBe(
      [
        'Content-Type: multipart/mixed; boundary="==bootstrap-part=="',
        "MIME-Version: 1.0",
        "",
        "--==bootstrap-part==",
        'Content-Type: text/cloud-boothook; charset="us-ascii"',
        "MIME-Version: 1.0",
        "Content-Transfer-Encoding: 7bit",
        'Content-Disposition: attachment; filename="10-a.sh"',
        "",
        "#!/bin/sh",
        "",
        "--==bootstrap-part==",
        'Content-Type: text/x-shellscript; charset="us-ascii"',
        "MIME-Version: 1.0",
        "Content-Transfer-Encoding: 7bit",
        'Content-Disposition: attachment; filename="20-b.sh"',
        "",
        "#!/bin/sh",
        "true",
        "",
        "--==bootstrap-part==--",
        "",
      ].join("\n"),
    );
  });

  it("takes 14,336 bytes, which leaves 2 KB to Batch, and not one more", () => {
    const room = 14_336 - multipart([{ ...shell, body: "" }]).length;
    expect(multipart([{ ...shell, body: "x".repeat(room) }])).toHaveLength(14_336);
    expect(() => multipart([{ ...shell, body: "x".repeat(room + 1) }])).toThrow(
      `user data is 14337 bytes, EC2 takes at most 14336 beside what Batch adds (20-b.sh ${room + 1})`,
    );
  });

  it.each([
    ["#café", "column 5: U+00E9"],
    ["true\r\n", "column 5: U+000D"],
    ["#\u{1F9EC}", "column 2: U+1F9EC"],
    ["#\0", "column 2: U+0000"],
  ])("names the place of a character that is not us-ascii: %j", (line, place) => {
    expect(() => multipart([{ ...shell, body: `#!/bin/sh\n${line}` }])).toThrow(`20-b.sh, line 2, ${place} is not`);
  });

  it("refuses a body that holds the boundary, and names that break a header", () => {
    expect(() => multipart([{ ...shell, body: "--==bootstrap-part==--\n" }])).toThrow("contains the boundary");
    expect(() => multipart([{ ...shell, name: 'a"\nX: y' }])).toThrow("is no file name");
    expect(() => multipart([{ ...shell, type: "text/plain\nX: y" }])).toThrow("is no content type");
  });
});
