import { BootstrapError } from "../engine/errors.ts";

/** One part of a multipart document; `name` is its file name, by which cloud-init orders the scripts it runs. */
interface MimePart {
  readonly name: string;
  readonly type: string;
  readonly body: string;
}

const boundary = "==bootstrap-part==";
/** EC2 takes 16 KB before they are base64-encoded, of which Batch needs some for its own part. */
const limitBytes = 16_384 - 2_048;

/** MIME multipart user data, which Batch merges with its own; at most 14 KB of us-ascii with LF line ends. */
export function multipart(parts: readonly MimePart[]): string {
  const text = [
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    "MIME-Version: 1.0",
    "",
    ...parts.flatMap(section),
    `--${boundary}--`,
    "",
  ].join("\n");
  if (text.length > limitBytes) {
    const sizes = parts.map(({ name, body }) => `${name} ${body.length}`).join(", ");
    throw refusal(
      `user data is ${text.length} bytes, EC2 takes at most ${limitBytes} beside what Batch adds (${sizes})`,
    );
  }
  return text;
}

function section(part: MimePart): readonly string[] {
  const { name, type, body } = part;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw refusal(`"${name}" is no file name for a part of user data`);
  if (!/^[a-z]+\/[a-z0-9.+-]+$/.test(type)) throw refusal(`"${type}" is no content type for ${name}`);
  if (body.includes(boundary)) throw refusal(`${name} contains the boundary ${boundary}`);
  requireAscii(part);
  return [
    `--${boundary}`,
    `Content-Type: ${type}; charset="us-ascii"`,
    "MIME-Version: 1.0",
    "Content-Transfer-Encoding: 7bit",
    `Content-Disposition: attachment; filename="${name}"`,
    "",
    body,
  ];
}

function requireAscii({ name, body }: MimePart): void {
  const at = body.search(/[^\t\n\x20-\x7e]/);
  if (at === -1) return;
  const before = body.slice(0, at).split("\n");
  const code = body.codePointAt(at)!.toString(16).toUpperCase().padStart(4, "0");
  const column = before.at(-1)!.length + 1;
  throw refusal(`${name}, line ${before.length}, column ${column}: U+${code} is not printable us-ascii`);
}

function refusal(message: string): BootstrapError {
  return new BootstrapError("user-data", message);
}
