/** The numbers of the system. Names and values are Go's unless the comment says otherwise. */

/** A runtime page is 8 KiB (Go: `_PageShift`). */
export const PAGE_SHIFT = 13;
export const PAGE_SIZE = 1 << PAGE_SHIFT;

/** A chunk is 512 pages, 4 MiB (Go: `pallocChunkPages`): the unit of the page bitmaps and of heap growth. */
export const LOG_CHUNK_PAGES = 9;
export const CHUNK_PAGES = 1 << LOG_CHUNK_PAGES;

/** An arena is 64 MiB (Go: `heapArenaBytes` on 64-bit systems). */
export const ARENA_PAGES = 8192;

/** Object addresses are 32-bit byte offsets, as on Go's 32-bit ports and wasm32. */
export const PTR_SIZE = 4;
/** The largest address space: 4 GiB. */
export const MAX_ALLOC = 2 ** 32;
/** Least bytes of a heap: page 0 is nil, so it needs one more to hold anything. */
export const MIN_HEAP = 2 * PAGE_SIZE;

/** Largest size with a size class (Go: `_MaxSmallSize`). */
export const MAX_SMALL_SIZE = 32768;
export const SMALL_SIZE_DIV = 8;
export const SMALL_SIZE_MAX = 1024;
export const LARGE_SIZE_DIV = 128;
/** Room for custom class tables: at most this many classes, class 0 included. */
export const MAX_SIZE_CLASSES = 128;
export const MAX_SPAN_CLASSES = MAX_SIZE_CLASSES * 2;

/** Pointer-free objects below 16 bytes share 16-byte blocks (Go: `_TinySize`). */
export const TINY_SIZE = 16;

/** Free pages a thread may keep for itself, one aligned block of 64 (Go: `pageCachePages`). */
export const PAGE_CACHE_PAGES = 64;
/** Requests below this many pages are served from the thread's page cache (Go: `pageCachePages / 4`). */
export const PAGE_CACHE_MAX_REQUEST = 16;

/** Metadata chunk that a fixalloc takes for the big users (Go: `_FixAllocChunk`), in bytes. */
export const FIXALLOC_CHUNK = 16 << 10;
/** Block of mark bits (Go: `gcBitsChunkBytes`), in bytes. */
export const GC_BITS_CHUNK = 64 << 10;

/** Large pointer-free memory is zeroed in pieces of this many bytes (Go: `memclrNoHeapPointersChunked`). */
export const ZERO_CHUNK = 256 << 10;

/** Most threads one heap can be made for. */
export const MAX_PROCS = 255;
/** Most types one heap can hold: a type number has 16 bits, 0 means "no type". */
export const MAX_TYPES = 65535;
