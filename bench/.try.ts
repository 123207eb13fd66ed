import { upOnEmptyRegion } from "/work/main/bench/empty-region.ts";
for (let seed = 1; seed <= Number(process.argv[2] ?? 3); seed++) {
  const { tookMs, chain, ratio } = await upOnEmptyRegion(seed);
  console.log(seed, tookMs/1000, chain.ms/1000, ratio.toFixed(4));
  for (const l of chain.links) console.log("    ", l.what.padEnd(34), l.ms/1000, "late", l.lateMs/1000);
}
