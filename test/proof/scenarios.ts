import { bake, CHANGED, FIRST, MONTH_MS, OTHER, straight, teardown, theFirst, up } from "./commands.ts";
import type { Scenario, Sequel } from "./matrix.ts";

/** What is cut short, and what may follow: the same command, teardown, another config, the first config, a lost manifest. */
export async function theUp(): Promise<Scenario> {
  const [first, other] = await Promise.all([theFirst(), straight(undefined, [up(OTHER)])]);
  const back: Sequel = { name: "another config, and back", command: up(FIRST), should: [first.stands] };
  const sequels: Sequel[] = [
    { name: "the same up", command: up(FIRST), should: [first.stands] },
    { name: "teardown", command: teardown, should: [[]] },
    { name: "up with another config", command: up(OTHER), should: [other.stands], next: back },
    { name: "up without the manifest", command: up(FIRST), should: [first.stands], manifestLost: true },
  ];
  return { from: undefined, command: up(FIRST), sequels };
}

export async function theChange(): Promise<Scenario> {
  const first = await theFirst();
  const [changed, other] = await Promise.all([
    straight(first.moment, [up(CHANGED)]),
    straight(first.moment, [up(OTHER)]),
  ]);
  const sequels: Sequel[] = [
    { name: "the same up", command: up(CHANGED), should: [changed.stands] },
    { name: "teardown", command: teardown, should: [[]] },
    { name: "up with another config", command: up(OTHER), should: [other.stands] },
    { name: "the change taken back", command: up(FIRST), should: [first.stands] },
    { name: "up without the manifest", command: up(CHANGED), should: [changed.stands], manifestLost: true },
  ];
  return { from: first.moment, command: up(CHANGED), sequels };
}

export async function theBake(): Promise<Scenario> {
  const first = await theFirst();
  const [later, baked] = await Promise.all([
    straight(first.moment, [], MONTH_MS),
    straight(first.moment, [bake], MONTH_MS),
  ]);
  const [other, otherBaked] = await Promise.all([
    straight(later.moment, [up(OTHER)]),
    straight(baked.moment, [up(OTHER)]),
  ]);
  const either = [first.stands, baked.stands];
  const sequels: Sequel[] = [
    { name: "the same bake", command: bake, should: [baked.stands] },
    { name: "teardown", command: teardown, should: [[]] },
    { name: "up with another config", command: up(OTHER), should: [other.stands, otherBaked.stands] },
    { name: "up as before", command: up(FIRST), should: either },
    { name: "up without the manifest", command: up(FIRST), should: either, manifestLost: true },
  ];
  return { from: later.moment, command: bake, sequels };
}

export async function theTeardown(): Promise<Scenario> {
  const [first, other] = await Promise.all([theFirst(), straight(undefined, [up(OTHER)])]);
  const sequels: Sequel[] = [
    { name: "the same teardown", command: teardown, should: [[]] },
    { name: "teardown without the manifest", command: teardown, should: [[]], manifestLost: true },
    { name: "up again", command: up(FIRST), should: [first.stands] },
    { name: "up with another config", command: up(OTHER), should: [other.stands] },
    { name: "up without the manifest", command: up(FIRST), should: [first.stands], manifestLost: true },
  ];
  return { from: first.moment, command: teardown, sequels };
}
