/**
 * A named root. Records are made once a name and stay; a list from H_ROOTS on. Heap lock.
 *
 * After the fixed words the name's UTF-8 bytes, four to a word.
 */

export const ROOT_NEXT = 0;
/** Address of what the root refers to; 0: no such root now. */
export const ROOT_ADDR = 1;
/** Type number of the reference's kind; written while the address is 0. */
export const ROOT_TYPE = 2;
export const ROOT_NAME_BYTES = 3;
export const ROOT_NAME = 4;
