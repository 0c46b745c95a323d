/** The random steps of gc-world.ts: each does the same to the heap and to its mirror. */
import { expect } from 'vitest';
import type { Reference } from '../../src/index.ts';
import { JsNode, JsRaw, jsSlice, Node } from './gc-mirror.ts';
import type { Held, World } from './gc-world.ts';

export const OP_NAMES = [
  ...([
    'make',
    'makeFull',
    'open',
    'close',
    'hold',
    'dispose',
    'root',
    'unroot',
    'take',
    'next',
    'move',
    'pair',
  ] as const),
  ...(['inner', 'text', 'push', 'pushMany', 'pop', 'set', 'part', 'share', 'names', 'inners', 'setMap'] as const),
  ...([
    'deleteMap',
    'clearMap',
    'shareMap',
    'getMap',
    'place',
    'cursor',
    'follow',
    'elements',
    'pin',
    'unpin',
  ] as const),
  ...([
    'rawMake',
    'rawRow',
    'rawWrite',
    'rawPin',
    'rawFollow',
    'rawOwn',
    'rawFree',
    'rawRealloc',
    'gc',
    'gcStep',
    'garbage',
    'census',
    'verify',
    'compare',
  ] as const),
];
export type Op = (typeof OP_NAMES)[number];

export interface Step {
  readonly op: Op;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const KEYS = ['', 'a', 'key', 'a longer key than the others', 'ключ', 'k5', 'k6', 'k7'];
const ROOTS = ['r0', 'r1', 'r2'];
function bounds(s: Step, n: number): [lo: number, hi: number] {
  const hi = s.b % (n + 1);
  return [s.c % (hi + 1), hi];
}

const isOwned = (js: unknown): js is JsRaw => js instanceof JsRaw && js.owned;

export const OPS: Record<Op, (w: World, s: Step) => unknown> = {
  open() {},
  close() {},
  make: (w) => w.make(),
  makeFull(w, s) {
    const [x, y] = [w.value(s.a), w.value(s.b)];
    const made = w.make({
      ...{
        name: KEYS[s.c % 8],
        next: x.ref,
        other: y.ref,
        pair: [y.ref, x.ref],
        kids: [x.ref, y.ref],
        names: ['one', 'two'],
      },
      ...{
        inner: { n: s.c, link: x.ref, tag: 'tag' },
        byName: [['x', x.ref]] as const,
        inners: [{ n: 1, link: y.ref }],
      },
    });
    const { js } = made;
    Object.assign(js, { name: KEYS[s.c % 8], next: x.js, other: y.js, pair: [y.js, x.js] });
    js.inner = { n: s.c, link: x.js, tag: 'tag' };
    js.kids = jsSlice(js.kids, [x.js, y.js]);
    js.names = jsSlice(js.names, ['one', 'two']);
    js.inners = jsSlice(js.inners, [{ n: 1, link: y.js, tag: '' }]);
    js.byName.set('x', x.js);
    return made;
  },
  hold(w, s) {
    const { ref, js } = w.pick(s.a);
    w.levels[0]!.refs.push({ ref: ref.hold(), js });
  },
  dispose(w, s) {
    if (w.inScope) return;
    const list = [w.level.refs, w.level.slices, w.level.places][s.b % 3]! as Held<Reference, unknown>[];
    if (list.length > 0) list.splice(s.a % list.length, 1)[0]!.ref.dispose();
  },
  root(w, s) {
    const { ref, js } = w.pick(s.a);
    w.heap.roots.set(ROOTS[s.b % 3]!, ref);
    w.roots.set(ROOTS[s.b % 3]!, js);
  },
  unroot(w, s) {
    expect(w.heap.roots.delete(ROOTS[s.b % 3]!)).toBe(w.roots.delete(ROOTS[s.b % 3]!));
  },
  take(w, s) {
    const js = w.roots.get(ROOTS[s.b % 3]!);
    const ref = w.heap.roots.get(ROOTS[s.b % 3]!, Node);
    expect(ref?.id).toBe(js?.id);
    if (js !== undefined) return { ref: ref!, js };
  },
  next(w, s) {
    const [to, value] = [w.pick(s.a), w.value(s.b)];
    to.ref.next = value.ref;
    to.js.next = value.js;
  },
  move(w, s) {
    const { ref, js } = w.pick(s.a);
    // Moves a pointer: loaded here, stored there, and gone from where it was.
    const moved = ref.next;
    ref.next = null;
    ref.other = moved;
    [js.next, js.other] = [null, js.next];
    if (js.other !== null && s.c % 2 === 0) return { ref: moved!, js: js.other };
  },
  pair(w, s) {
    const [to, value] = [w.pick(s.a), w.value(s.b)];
    to.ref.pair.set(s.c % 2, value.ref);
    to.js.pair[s.c % 2] = value.js;
    if (s.c % 7 === 0) {
      to.ref.pair = value.ref?.pair ?? to.ref.pair;
      to.js.pair = [...(value.js ?? to.js).pair];
    }
  },
  inner(w, s) {
    const [to, value] = [w.pick(s.a), w.value(s.b)];
    if (s.c % 3 === 0 && value.ref !== null) {
      to.ref.inner = value.ref.inner;
      to.js.inner = { ...value.js!.inner };
      return;
    }
    to.ref.inner.link = value.ref;
    to.ref.inner.tag = KEYS[s.c % 8]!.repeat(3);
    to.js.inner = { ...to.js.inner, link: value.js, tag: KEYS[s.c % 8]!.repeat(3) };
  },
  text(w, s) {
    const { ref, js } = w.pick(s.a);
    ref.name = js.name = KEYS[s.b % 8]!.repeat(s.c % 40);
  },
  push(w, s) {
    const [to, value] = [w.pick(s.a), w.value(s.b)];
    to.ref.kids.push(value.ref);
    to.js.kids.append([value.js], w.classes);
  },
  pushMany(w, s) {
    const to = w.pick(s.a);
    const values = Array.from({ length: s.c % 9 }, (_, i) => w.value(s.b + i));
    to.ref.kids.push(...values.map((v) => v.ref));
    to.js.kids.append(
      values.map((v) => v.js),
      w.classes,
    );
  },
  pop(w, s) {
    const { ref, js } = w.pick(s.a);
    const last = js.kids.len === 0 ? undefined : js.kids.at(js.kids.len - 1);
    const popped = ref.kids.pop();
    expect(popped?.id).toBe(last?.id);
    js.kids.pop();
    if (popped) return { ref: popped, js: last! };
  },
  set(w, s) {
    const [to, value] = [w.pick(s.a), w.value(s.b)];
    const { kids } = to.js;
    if (kids.len === 0) return;
    to.ref.kids.set(s.c % kids.len, value.ref);
    kids.set(s.c % kids.len, value.js);
  },
  /** A part of a slice: a header that nothing else refers to. */
  part(w, s) {
    const { ref, js } = w.pick(s.a);
    const [lo, hi] = bounds(s, js.kids.cap);
    return { ref: ref.kids.slice(lo, hi), js: js.kids.slice(lo, hi), as: 'slices' };
  },
  share(w, s) {
    const [to, from] = [w.pick(s.a), w.pick(s.b)];
    const part = w.levels.flatMap((level) => level.slices)[s.c % 3];
    to.ref.kids = part?.ref ?? from.ref.kids;
    to.js.kids = (part?.js ?? from.js.kids).copy();
  },
  names(w, s) {
    const { ref, js } = w.pick(s.a);
    const texts = Array.from({ length: s.c % 4 }, (_, i) => KEYS[(s.b + i) % 8]!.repeat(5));
    if (s.b % 5 === 0) {
      ref.names = texts as never;
      js.names = jsSlice(js.names, texts);
    } else {
      ref.names.push(...texts);
      js.names.append(texts, w.classes);
    }
  },
  inners(w, s) {
    const [to, value] = [w.pick(s.a), w.value(s.b)];
    const { inners } = to.js;
    if (s.c % 3 === 0 && inners.len > 0) {
      to.ref.inners.at(s.b % inners.len).link = value.ref;
      inners.set(s.b % inners.len, { ...inners.at(s.b % inners.len), link: value.js });
    } else if (s.c % 3 === 1) {
      to.ref.inners.push({ n: s.b, link: value.ref, tag: 'pushed' });
      inners.append([{ n: s.b, link: value.js, tag: 'pushed' }], w.classes);
    } else {
      to.ref.inners.push(to.ref.inner);
      inners.append([{ ...to.js.inner }], w.classes);
    }
  },
  setMap(w, s) {
    const [to, value] = [w.pick(s.a), w.value(s.b)];
    if (s.c % 2 === 0) {
      to.ref.byName.set(KEYS[s.c % 8]!, value.ref);
      to.js.byName.set(KEYS[s.c % 8]!, value.js);
    } else {
      for (let i = 0; i < s.c % 30; i++) {
        to.ref.byId.set(s.b + i * 7, value.ref);
        to.js.byId.set(s.b + i * 7, value.js);
      }
    }
  },
  deleteMap(w, s) {
    const { ref, js } = w.pick(s.a);
    expect(ref.byName.delete(KEYS[s.c % 8]!)).toBe(js.byName.delete(KEYS[s.c % 8]!));
    for (const key of [...js.byId.keys()].slice(0, s.b % 20)) {
      expect(ref.byId.delete(key)).toBe(js.byId.delete(key));
    }
  },
  clearMap(w, s) {
    const { ref, js } = w.pick(s.a);
    ref.byId.clear();
    js.byId.clear();
  },
  shareMap(w, s) {
    const [to, from] = [w.pick(s.a), w.pick(s.b)];
    to.ref.byName = from.ref.byName;
    to.js.byName = from.js.byName;
  },
  getMap(w, s) {
    const { ref, js } = w.pick(s.a);
    const key = KEYS[s.c % 8]!;
    const value = js.byName.get(key);
    const got = ref.byName.get(key);
    expect([got === undefined, got?.id]).toEqual([value === undefined, value?.id]);
    if (got) return { ref: got, js: value! };
  },
  /** A reference into the middle of a node. */
  place(w, s) {
    const { ref, js } = w.pick(s.a);
    return { ref: [ref.inner, ref.pair, ref.kids][s.b % 3]!, js, as: 'places' };
  },
  cursor(w, s) {
    if (!w.inScope) return;
    const refs = w.levels.flatMap((level) => level.refs);
    if (refs.length === 0) return;
    const { ref, js } = refs[s.a % refs.length]!;
    w.level.cursors.push({ cursor: w.heap.cursor(Node).set(ref), js });
  },
  /** Goes through a slice that gets other elements meanwhile, while the collector runs. */
  elements(w, s) {
    const { ref, js } = w.pick(s.a);
    const ids = js.kids.elements().map((kid) => kid?.id);
    const cursor = ref.kids.cursor();
    if (s.b % 2 === 0) {
      ref.kids = w.heap.new(Node).kids;
      js.kids = new JsNode(0).kids;
    }
    const found: (number | undefined)[] = [];
    while (cursor.next()) {
      if (s.c % 4 === 0) w.heap.gc();
      else if (s.c % 4 === 1) w.heap.gcStep(0.01);
      found.push(cursor.value?.id);
    }
    expect(found).toEqual(ids);
  },
  follow(w, s) {
    const cursors = w.levels.flatMap((level) => level.cursors);
    const c = cursors[s.a % (cursors.length || 1)];
    if (c === undefined) return;
    const field = s.b % 2 === 0 ? 'next' : 'other';
    expect(c.cursor.follow(field)).toBe(c.js[field] !== null);
    c.js = c.js[field] ?? c.js;
    expect(c.cursor.value.id).toBe(c.js.id);
  },
  pin(w, s) {
    const { ref, js } = w.pick(s.a);
    const addr = w.heap.addressOf(ref);
    w.pins.push({ pin: w.heap.raw.pin(addr), js });
  },
  unpin(w, s) {
    if (w.pins.length > 0) w.pins.splice(s.a % w.pins.length, 1)[0]!.pin.unpin();
  },
  rawMake(w) {
    const made = w.newRaw();
    if (w.inScope) w.level.raws.push(made);
    else w.pins.push({ pin: w.heap.raw.pin(made.addr), js: made.js });
  },
  /** Many objects that one alone leads to. */
  rawRow(w, s) {
    const { pin, addr, js } = w.newRow((s.a % 4) * s.b);
    if (!w.inScope) {
      w.pins.push({ pin, js });
      return;
    }
    w.level.raws.push({ addr: w.heap.raw.keepAlive(addr), js });
    pin.unpin();
  },
  rawWrite(w, s) {
    const to = w.raw(s.a);
    if (to === undefined) return;
    const other = s.c % 2 === 0 ? w.raw(s.b) : undefined;
    const { ref, js } = s.c % 7 === 0 ? { ref: null, js: null } : w.pick(s.b);
    // Also a pointer into the middle of an object.
    const addr = other?.addr ?? (ref === null ? 0 : w.heap.addressOf(s.c % 3 === 0 ? ref.inner : ref));
    w.heap.raw.writePointer(to.addr + (s.b % 2) * 8, addr);
    to.js.slots[s.b % 2] = other?.js ?? js;
  },
  rawPin(w, s) {
    const raw = w.raw(s.a);
    if (raw !== undefined) w.pins.push({ pin: w.heap.raw.pin(raw.addr), js: raw.js });
  },
  /** A pointer is loaded, and gone from where it was. */
  rawFollow(w, s) {
    const raw = w.raw(s.a);
    const js = raw?.js.slots[s.b % 2];
    if (!(js instanceof JsRaw) || js.owned) return;
    const slot = raw!.addr + (s.b % 2) * 8;
    const addr = w.heap.memory.i32[slot >>> 2]! >>> 0;
    if (s.c % 2 === 0) {
      w.heap.raw.writePointer(slot, 0);
      raw!.js.slots[s.b % 2] = null;
    }
    w.level.raws.push({ addr: w.heap.raw.keepAlive(addr), js });
  },
  /** An object that one pointer alone leads to, so that it can be freed by hand. What it points to is moved into it. */
  rawOwn(w, s) {
    const holder = w.raw(s.a);
    const { i32 } = w.heap.memory;
    const slot = s.b % 2;
    if (holder === undefined || isOwned(holder.js.slots[slot])) return;
    const { addr, js } = w.newRaw(true);
    const at = holder.addr + slot * 8;
    w.heap.raw.writePointer(addr, i32[at >>> 2]! >>> 0);
    js.slots[0] = holder.js.slots[slot]!;
    w.heap.raw.writePointer(at, addr);
    holder.js.slots[slot] = js;
  },
  /** Frees it; what only it referred to is held by the scope alone then. */
  rawFree(w, s) {
    const holder = w.raw(s.a);
    const js = holder?.js.slots[s.b % 2];
    if (!isOwned(js)) return;
    const at = holder!.addr + (s.b % 2) * 8;
    const addr = w.heap.memory.i32[at >>> 2]! >>> 0;
    const kept = js.slots[0];
    if (kept instanceof JsRaw && !kept.owned) {
      w.level.raws.push({ addr: w.heap.raw.keepAlive(w.heap.memory.i32[addr >>> 2]! >>> 0), js: kept });
    }
    w.heap.raw.writePointer(at, 0);
    holder!.js.slots[s.b % 2] = null;
    if (!isOwned(kept)) w.heap.raw.free(addr);
  },
  rawRealloc(w, s) {
    const holder = w.raw(s.a);
    if (!isOwned(holder?.js.slots[s.b % 2])) return;
    const at = holder!.addr + (s.b % 2) * 8;
    const to = w.heap.raw.realloc(w.heap.memory.i32[at >>> 2]! >>> 0, 24 * (1 + (s.c % 3)));
    w.heap.raw.writePointer(at, to);
  },
  gc: (w) => w.heap.gc(),
  gcStep(w, s) {
    for (let i = 0; i < s.a % 3; i++) w.heap.gcStep(0.01 + (s.b % 10) / 50);
  },
  garbage(w, s) {
    for (let i = 0; i < (s.a % 40) * 8; i++) {
      if (i % 8 === 0) w.heap.new(Node, { name: 'garbage', kids: [null, null, null] });
      w.heap.raw.mallocgc(1 + ((i * s.b) % 300), null, false);
    }
    if (s.c % 20 === 0) w.heap.raw.mallocgc(40_000 + s.a * 100, null, true);
  },
  census: (w) => w.census(),
  verify(w) {
    w.heap.verify();
  },
  compare: (w) => w.compare(),
};
