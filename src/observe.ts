/** spanheap/observe: what looks at heaps from outside, for Node. */
export {
  type ExplorableHeap,
  type ExploreOptions,
  type Explorer,
  explore,
} from './serve/explorer/explore.ts';
