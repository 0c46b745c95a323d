/**
 * What references are made with. V8 keeps what it has learned of a function by the place in the source where it is made: with
 * one for all kinds, each store into a new reference looks up where that kind has the property, which is a quarter of what
 * `heap.new` takes. So there are sixteen. Up to four kinds to each are told apart by comparing.
 */
import type { Frame } from '../threads/frame.ts';
import type { Place } from './reference.ts';

type PlaceConstructor = { readonly prototype: Place } & (new (a: number, s: Frame) => Place);

// No fields: V8 defines them one by one in a function of its own, which costs 200 ns here.
const LITERALS: readonly (() => (this: Place, a: number, s: Frame) => void)[] = [
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
  () =>
    function (this: Place, a: number, s: Frame): void {
      this.$a = a;
      this.$s = s;
    },
];

let next = 0;

/** A constructor of its own for one kind of place. */
export function placeConstructor(): PlaceConstructor {
  return LITERALS[next++ % LITERALS.length]!() as unknown as PlaceConstructor;
}
