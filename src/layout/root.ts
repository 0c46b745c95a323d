/**
 * A named root: spans/root-records.ts. Heap lock.
 *
 * After the fixed words the name's UTF-8 bytes, four to a word.
 */

/** The next older one; the next one that waits for a name. */
export const ROOT_NEXT = 0;
/** Address of what the root refers to; 0: no such root now. */
export const ROOT_ADDR = 1;
/** Type number of the reference's kind; written while the address is 0. */
export const ROOT_TYPE = 2;
export const ROOT_NAME_BYTES = 3;
/**
 * When the record was given its name, as a double: greater than for those before. 0: it has none, and whoever remembers it by
 * one looks anew.
 */
export const ROOT_SERIAL = 4;
export const ROOT_NAME = 6;
