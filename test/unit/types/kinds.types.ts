/**
 * What TypeScript infers from declarations. Checked by the compiler in the test run, never run: a line that does not
 * compile, or an error that is expected and does not come, fails it.
 */
import {
  array,
  atomic,
  bool,
  bytes,
  f64,
  type i8,
  i32,
  i64,
  type Kind,
  map,
  mutex,
  type ReferableKind,
  type RefKind,
  ref,
  type StructKind,
  slice,
  string,
  struct,
  u8,
  u32,
  u64,
} from '../../../src/types/kinds.ts';
import { layoutOf } from '../../../src/types/layout-of.ts';
import type {
  AnyStruct,
  ArrayRef,
  Atomic,
  Cursor,
  Infer,
  Init,
  Interned,
  LinkFields,
  Mutex,
  NodeCursor,
  Ref,
  Reference,
  SharedMap,
  Slice,
  SmallAtomic,
  Synchronous,
} from '../../../src/types/values.ts';

/** Whether two types are one and the same, `any` being the same as itself only. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;
declare function make<T extends ReferableKind>(kind: T, init?: Init<T>): Infer<T>;
declare function scope<T>(fn: Synchronous<T>): T;
declare function cursorOf<S extends AnyStruct>(kind: S): NodeCursor<S>;

// Declarations, recursive ones by getters only.

const Point = struct('Point', { x: f64, y: f64 });
const Post = struct('Post', { title: string, score: f64 });
const Node = struct('Node', {
  key: i32,
  get left() {
    return ref(Node);
  },
  get right() {
    return ref(Node);
  },
  get children() {
    return slice(ref(Node));
  },
  get byName() {
    return map(string, ref(Node));
  },
  get four() {
    return array(ref(Node), 4);
  },
  get list() {
    return ref(slice(ref(Node)));
  },
  first: ref(Post),
  hits: atomic(u32),
  total: atomic(i64),
  posts: slice(ref(Post)),
  at: Point,
  grid: array(f64, 16),
  words: map(string, ref(Post)),
  points: slice(Point),
  rows: slice(slice(i32)),
  big: u64,
  on: bool,
  raw: bytes,
});
type NodeRef = Ref<typeof Node>;

const Author = struct('Author', {
  name: string,
  get books() {
    return slice(ref(Book));
  },
});
const Book = struct('Book', {
  title: string,
  get author() {
    return ref(Author);
  },
  get sequel() {
    return ref(Book);
  },
});
const Annotated = struct('Annotated', {
  get next(): RefKind<typeof Annotated> {
    return ref(Annotated);
  },
});
const Empty = struct('Empty', {});

export function reading(node: NodeRef, author: Ref<typeof Author>, other: Ref<typeof Annotated>): void {
  same<typeof node.key, number>(true);
  same<typeof node.left, NodeRef | null>(true);
  same<typeof node.right, NodeRef | null>(true);
  same<typeof node.children, Slice<NodeRef | null>>(true);
  same<typeof node.byName, SharedMap<string, NodeRef | null>>(true);
  same<typeof node.four, ArrayRef<NodeRef | null>>(true);
  same<typeof node.list, Slice<NodeRef | null> | null>(true);
  same<typeof node.first, Ref<typeof Post> | null>(true);
  same<typeof node.hits, Atomic<number>>(true);
  same<typeof node.total, Atomic<bigint>>(true);
  same<typeof node.posts, Slice<Ref<typeof Post> | null>>(true);
  same<typeof node.at, Ref<typeof Point>>(true);
  same<typeof node.at.x, number>(true);
  same<typeof node.grid, ArrayRef<number>>(true);
  same<typeof node.words, SharedMap<string, Ref<typeof Post> | null>>(true);
  same<typeof node.points, Slice<Ref<typeof Point>>>(true);
  same<typeof node.rows, Slice<Slice<number>>>(true);
  same<typeof node.big, bigint>(true);
  same<typeof node.on, boolean>(true);
  same<typeof node.raw, Uint8Array>(true);

  same<NonNullable<NonNullable<typeof node.left>['left']>['key'], number>(true);
  same<NonNullable<ReturnType<typeof node.children.at>>['children'], Slice<NodeRef | null>>(true);
  const book = author.books.at(0)!;
  same<typeof book, Ref<typeof Book>>(true);
  same<typeof book.author, Ref<typeof Author> | null>(true);
  same<typeof book.sequel, Ref<typeof Book> | null>(true);
  const name = book.author!.books.at(0)!.sequel!.author!.name;
  same<typeof name, string>(true);
  same<typeof other.next, Ref<typeof Annotated> | null>(true);

  // The check itself: it does not call everything equal.
  same<typeof node.key, string>(false);
  // biome-ignore lint/suspicious/noExplicitAny: what must not come out of recursive declarations
  same<typeof node.left, any>(false);
  same<typeof node.points, Slice<Ref<typeof Point> | null>>(false);
  // @ts-expect-error: there is no such field
  node.lefts;
}

export function inferring(): void {
  same<Infer<i8>, number>(true);
  same<Infer<typeof u64>, bigint>(true);
  same<Infer<typeof bool>, boolean>(true);
  same<Infer<typeof string>, string>(true);
  same<Infer<typeof Node>, NodeRef>(true);
  same<Infer<RefKind<typeof Post>>, Ref<typeof Post> | null>(true);
  const kinds = [
    slice(u8),
    array(atomic(u64), 3),
    map(bytes, Point),
    map(i64, array(u8, 4)),
    slice(map(i32, bool)),
  ] as const;
  same<Infer<(typeof kinds)[0]>, Slice<number>>(true);
  same<Infer<(typeof kinds)[1]>, ArrayRef<Atomic<bigint>>>(true);
  same<Infer<(typeof kinds)[2]>, SharedMap<Uint8Array, Ref<typeof Point>>>(true);
  same<Infer<(typeof kinds)[3]>, SharedMap<bigint, ArrayRef<number>>>(true);
  same<Infer<(typeof kinds)[4]>, Slice<SharedMap<number, boolean>>>(true);
  same<Infer<5>, never>(true);
  same<typeof Post, StructKind<'Post', { title: typeof string; score: typeof f64 }>>(true);
}

export function assigning(node: NodeRef, post: Ref<typeof Post>, at: Ref<typeof Point>, book: Ref<typeof Book>): void {
  node.key = 1;
  node.left = node;
  node.left = null;
  node.at = at;
  node.at.x = 1;
  node.posts = node.posts.slice(1, 3);
  node.grid = make(array(f64, 16));
  node.words = make(map(string, ref(Post)));
  node.big = 1n;
  node.raw = new Uint8Array(3);
  book.author!.books.push(book, null);
  same<ReturnType<typeof node.hits.add>, number>(true);
  node.total.compareExchange(1n, 2n);

  // @ts-expect-error: an atomic field is changed by its methods
  node.hits = make(Node).hits;
  // @ts-expect-error: not a bigint
  node.key = 1n;
  // @ts-expect-error: not a number
  node.big = 1;
  // @ts-expect-error: a bigint is added to an i64
  node.total.add(1);
  // @ts-expect-error: a reference to another struct
  node.left = post;
  // @ts-expect-error: an inline struct is never null
  node.at = null;
  // @ts-expect-error: a slice of other elements
  node.posts = node.points;
  // @ts-expect-error: an array is no slice
  node.points = make(array(Point, 3));
}

/** Two structs of one shape are two types. */
export function nominal(): void {
  const Vector = struct('Vector', { x: f64, y: f64 });
  const Line = struct('Line', { from: ref(Point) });
  // @ts-expect-error: a Vector is no Point
  make(Line).from = make(Vector);
  // @ts-expect-error: nor when the line is made
  make(Line, { from: make(Vector) });
  make(Line, { from: make(Point) });
}

export function making(node: NodeRef, at: Ref<typeof Point>): void {
  same<ReturnType<typeof make<typeof Node>>, NodeRef>(true);
  const post = make(Post, { title: 'hello', score: 0.5 });
  same<typeof post, Ref<typeof Post>>(true);
  make(Node);
  make(Empty, {});
  const title: string | undefined = undefined;
  make(Post, { title });
  make(Node, {
    key: 1,
    left: node,
    right: null,
    hits: 3,
    total: 4n,
    at: { x: 1 },
    grid: [1, 2],
    raw: new Uint8Array(3),
  });
  make(Node, { at, posts: [post, null], points: [at, { x: 1, y: 2 }, {}], rows: [[1, 2], new Int32Array(3)] });
  make(Node, { posts: node.posts, grid: node.grid, words: node.words, grid2: undefined } as Init<typeof Node>);
  make(Node, { words: [['a', post]], byName: new Map([['b', node]]), grid: new Float64Array(16), children: [node] });
  make(Node, node);
  make(slice(i32), [1, 2, 3]);
  make(slice(i64), new BigInt64Array(3));
  make(map(string, u32), [['a', 1]]);
  make(map(string, slice(Point)), { a: 1 } as unknown as Map<string, { x: number }[]>);
  make(array(f64, 16));

  // @ts-expect-error: there is no such field
  make(Post, { titel: 'hello' });
  // @ts-expect-error: nor in a struct inside
  make(Node, { at: { z: 1 } });
  // @ts-expect-error: nor in an element
  make(Node, { points: [{ z: 1 }] });
  // @ts-expect-error: a reference must refer to something that exists
  make(Node, { left: { key: 1 } });
  // @ts-expect-error: a string is no list of strings
  make(slice(string), 'abc');
  // @ts-expect-error: bigints are not for i32
  make(slice(i32), new BigInt64Array(3));
  // @ts-expect-error: a key of another type
  make(map(string, u32), [[1, 1]]);
  // @ts-expect-error: not a plain object: it has no order of keys that could be relied on
  make(map(string, u32), { a: 1 });
  // @ts-expect-error: a field that is no kind is found when the struct is used
  make(struct('Bad', { a: 5 }));
  // @ts-expect-error: nor is the name of one, or a constructor
  make(struct('Bad', { a: u32, b: 'u32', c: Number }));
  // @ts-expect-error: only structs, slices, arrays and maps are made
  make(i32, 1);
}

export function sequences(node: NodeRef, at: Ref<typeof Point>): void {
  for (const post of node.posts) same<typeof post, Ref<typeof Post> | null>(true);
  same<ReturnType<typeof node.points.toArray>, Ref<typeof Point>[]>(true);
  same<ReturnType<typeof node.points.pop>, Ref<typeof Point> | undefined>(true);
  same<ReturnType<typeof node.grid.cursor>, Cursor<number>>(true);
  same<ReturnType<typeof node.grid.slice>, Slice<number>>(true);
  same<ReturnType<typeof node.points.fill>, Slice<Ref<typeof Point>>>(true);
  node.points.push({ x: 1 }, at);
  node.points.set(0, { y: 2 });
  node.rows.push([1, 2], node.rows.at(0));
  node.grid.copyFrom(node.grid.slice(1));
  node.grid.copyFrom([1, 2]);
  make(slice(atomic(u32))).set(0, 5);
  same<ReturnType<typeof node.points.append>, number>(true);
  node.points.append([{ x: 1 }, at]);
  node.points.append(node.points);
  node.points.append(new Set([at]));
  node.rows.append([[1, 2], node.rows.at(0)]);
  node.posts.append([null, node.first]);
  node.children.append(node.four);
  node.rows.at(0).append(node.grid);
  node.rows.at(0).append(new Uint8Array(3));
  node.rows.at(0).append(node.words.size === 0 ? [] : new Set([1]));
  make(slice(string)).append(node.words.keys());
  make(slice(atomic(u32))).append(make(slice(atomic(u32))));
  make(slice(atomic(u32))).append([5, 6]);
  // @ts-expect-error: elements of another type
  node.posts.append([at]);
  // @ts-expect-error: elements of another type
  node.posts.append(node.points);
  // @ts-expect-error: one value is none that can be iterated
  node.rows.at(0).append(1);
  // @ts-expect-error: an array does not grow
  node.grid.append;
  // @ts-expect-error: an array does not grow
  node.grid.push;
  // @ts-expect-error: the length is no property to set
  node.posts.length = 0;
  // @ts-expect-error: an element of another type
  node.posts.push(at);
  // @ts-expect-error: elements of another type
  node.grid.copyFrom(['a']);
}

export function maps(
  words: SharedMap<string, Ref<typeof Post> | null>,
  counts: SharedMap<bigint, number>,
  name: Interned,
): void {
  same<ReturnType<typeof words.get>, Ref<typeof Post> | null | undefined>(true);
  same<string | undefined, NonNullable<ReturnType<typeof words.get>>['title'] | undefined>(true);
  counts.update(1n, (old) => {
    same<typeof old, number | undefined>(true);
    return (old ?? 0) + 1;
  });
  counts.update(1n, () => undefined);
  counts.update(1n, () => {});
  const sum = counts.update(1n, (n = 0) => n + 1);
  same<typeof sum, number>(true);
  const left = counts.update(1n, (n) => (n === undefined || n < 2 ? undefined : n - 1));
  same<typeof left, number | undefined>(true);
  const post = words.update('a', (old) => old ?? make(Post));
  same<typeof post, Ref<typeof Post>>(true);
  const point = make(map(string, Point)).update('a', () => ({ x: 1 }));
  same<typeof point, { x: number }>(true);
  make(map(string, string)).update('a', () => name).value;
  counts.set(1n, 2).set(2n, 3);
  for (const [key, value] of counts) {
    same<typeof key, bigint>(true);
    same<typeof value, number>(true);
  }
  make(map(string, Point)).set('a', { x: 1 });
  // @ts-expect-error: a key of another type
  counts.get(1);
  // @ts-expect-error: a value of another type
  counts.update(1n, () => 'a');
}

export function references(node: NodeRef, at: Ref<typeof Point>): void {
  same<ReturnType<typeof at.hold>['x'], number>(true);
  const all: Reference[] = [node, at, node.posts, node.grid, node.words, node.hits];
  using held = node.hold();
  all[0].equals(held);
  node.equals(null);
  const held2: NodeRef = node.hold();
  held2.dispose();
  // @ts-expect-error: not a reference
  node.equals({});
}

export function cursors(node: NodeRef): void {
  same<LinkFields<typeof Node>, 'left' | 'right'>(true);
  same<LinkFields<typeof Book>, 'sequel'>(true);
  same<LinkFields<typeof Point>, never>(true);
  const c = cursorOf(Node).set(node);
  same<typeof c.value, NodeRef>(true);
  same<ReturnType<typeof c.follow>, boolean>(true);
  c.follow('left');
  // @ts-expect-error: a reference to another struct
  c.follow('first');
  // @ts-expect-error: not a reference
  c.follow('key');
  // @ts-expect-error: no such field
  c.follow('lefts');
}

export function refused(): void {
  // @ts-expect-error: a pointer to a number
  ref(i32);
  // @ts-expect-error: a floating-point key
  map(f64, u32);
  // @ts-expect-error: an atomic value of a map
  map(string, atomic(u32));
  // @ts-expect-error: a mutex as the value of a map
  map(string, mutex);
  // @ts-expect-error: an atomic that is no integer
  atomic(f64);
  // @ts-expect-error: not a kind
  slice(5);
}

/** For the library's own code, declarations are of the union. */
export function asKind(): void {
  const kinds: Kind[] = [Node, Author, Book, Empty, ref(Node), slice(ref(Node)), map(string, Node), array(i32, 3), u8];
  layoutOf(Node);
  layoutOf(slice(Author));
  if (kinds[0].kind === 'struct') same<(typeof kinds)[0]['kind'], string>(false);
}

const Waiting = struct('Waiting', {
  word: atomic(u32),
  wide: atomic(i64),
  small: atomic(u8),
  few: slice(atomic(u8)),
});

export function waiting({ word, wide, small, few }: Ref<typeof Waiting>): void {
  same<typeof word, Atomic<number>>(true);
  same<typeof wide, Atomic<bigint>>(true);
  same<typeof small, SmallAtomic<number>>(true);
  same<typeof few, Slice<SmallAtomic<number>>>(true);
  same<ReturnType<typeof word.wait>, 'ok' | 'not-equal' | 'timed-out'>(true);
  same<ReturnType<typeof wide.notify>, number>(true);
  word.wait(1, 100);
  wide.wait(1n);
  few.push(1);
  make(Waiting, { word: 1, wide: 1n, small: 1, few: [1] });
  // @ts-expect-error: of 64 bits are bigints
  wide.wait(1);
  // @ts-expect-error: a time is a number
  word.wait(1, '100');
  // @ts-expect-error: nobody can wait for so few bits
  small.wait(1);
  // @ts-expect-error: nor wake who waits
  few.at(0).notify();
}

// biome-ignore lint/suspicious/noExplicitAny: it is what JSON.parse returns
export function scopes<G>(node: NodeRef, some: () => G, any: any, either: () => Promise<number> | undefined): G {
  same<ReturnType<typeof scope<number>>, number>(true);
  const results = {
    nothing: scope(() => {}),
    number: scope(() => 1),
    field: scope(() => node.left),
    object: scope(() => ({ node, list: [1] })),
    any: scope(() => any),
    unknown: scope((): unknown => any),
    never: () => scope(() => fail()),
    either: scope(() => (node.on ? 'yes' : undefined)),
    function: scope(() => async () => 1),
    nested: scope(() => scope(() => node.key)),
    generic: scope(some),
    partly: scope(() => ({ some: some(), key: node.key })),
    perhaps: scope(() => (node.on ? some() : null)),
  };
  same<typeof results.nothing, void>(true);
  same<typeof results.number, number>(true);
  same<typeof results.field, NodeRef | null>(true);
  same<typeof results.object, { node: NodeRef; list: number[] }>(true);
  // biome-ignore lint/suspicious/noExplicitAny: as above
  same<typeof results.any, any>(true);
  same<typeof results.unknown, unknown>(true);
  same<ReturnType<typeof results.never>, never>(true);
  same<typeof results.either, string | undefined>(true);
  same<ReturnType<typeof results.function>, Promise<number>>(true);
  same<typeof results.nested, number>(true);
  same<typeof results.generic, G>(true);
  same<typeof results.partly, { some: G; key: number }>(true);
  same<typeof results.perhaps, G | null>(true);
  const literal: 'a' | 'b' = scope(() => 'a');
  const explicit = scope<number | string>(() => literal);
  same<typeof explicit, number | string>(true);
  // What is discarded may be anything but a promise.
  scope<void>(() => 5);
  // @ts-expect-error: it ends before the promise is settled
  scope(async () => {});
  // @ts-expect-error: nor when it is one only at times
  scope(either);
  // @ts-expect-error: nor what can be awaited otherwise
  scope((): PromiseLike<void> => any);
  // @ts-expect-error: nor inside of another
  scope(() => scope(async () => 1));
  // @ts-expect-error: nor as it is told
  scope<Promise<void>>(async () => {});
  return scope(some);
}

declare function fail(): never;

const Account = struct('Account', { lock: mutex, balance: f64, locks: array(mutex, 4) });

export function locks(account: Ref<typeof Account>): void {
  same<typeof account.lock, Mutex>(true);
  same<ReturnType<typeof account.lock.tryLock>, boolean>(true);
  const taken = account.lock.lock();
  same<typeof taken, 'ok' | 'abandoned'>(true);
  const intime = account.lock.lock(5);
  same<typeof intime, 'ok' | 'abandoned' | 'timed-out'>(true);
  account.locks.at(1).unlock();
  const balance = account.lock.withLock((state) => {
    same<typeof state, 'ok' | 'abandoned'>(true);
    return account.balance;
  });
  same<typeof balance, number>(true);
  account.lock.withLock(() => {});
  make(Account, { balance: 1 });
  // @ts-expect-error: a mutex is not assigned
  account.lock = make(Account).lock;
  // @ts-expect-error: nor given
  make(Account, { lock: account.lock });
  // @ts-expect-error: the lock would be given up before the promise is settled
  account.lock.withLock(async () => account.balance);
}
