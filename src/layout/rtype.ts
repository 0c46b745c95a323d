/**
 * A registered type (Go: `abi.Type`). Immutable once its number is published in the type table. Heap lock to add one.
 *
 * After the fixed words: the pointer mask, one bit a 4-byte word of the first `ptrBytes` bytes, then the name and the
 * definition as UTF-8, each from a word on.
 */

export const RTYPE_SIZE = 0;
/** Bytes of the prefix that holds all pointers; 0: none (Go: `PtrBytes`). */
export const RTYPE_PTR_BYTES = 1;
export const RTYPE_ALIGN = 2;
export const RTYPE_NAME_BYTES = 3;
/** The definition is JSON that says what is at which offset: the heap can be read without the program that wrote it. */
export const RTYPE_DEFINITION_BYTES = 4;
/** Hash of the definition; different: different types. */
export const RTYPE_FINGERPRINT = 5;
export const RTYPE_MASK = 6;
