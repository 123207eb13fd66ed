/** Whether the addresses of one CIDR block are all in another. */
export function contains(outer: string, inner: string): boolean {
  const [outerBase, outerBits] = parse(outer);
  const [innerBase, innerBits] = parse(inner);
  const block = 2 ** (32 - outerBits);
  return outerBits <= innerBits && Math.floor(outerBase / block) === Math.floor(innerBase / block);
}

export function sizeOf(cidr: string): number {
  return 2 ** (32 - parse(cidr)[1]);
}

/** The address in that place of a block. */
export function addressIn(cidr: string, host: number): string {
  const address = parse(cidr)[0] + host;
  return [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join(".");
}

export function isCidr(text: string): boolean {
  return (
    /^(\d{1,3})(\.\d{1,3}){3}\/\d{1,2}$/.test(text) && !text.split(/[./]/).some((part, index) => +part > MOST[index]!)
  );
}

const MOST = [255, 255, 255, 255, 32];

function parse(cidr: string): readonly [base: number, bits: number] {
  const [address = "", bits = "32"] = cidr.split("/");
  return [address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0), Number(bits)];
}
