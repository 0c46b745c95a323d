/** Byte offsets in a slice header (Go: `slice`), and its size. */
export const SLICE_LEN = 4;
export const SLICE_CAP = 8;
export const SLICE_SIZE = 12;
/** Bytes from the pointer of a string, or of bytes, to its length (Go: `stringStruct`). */
export const STRING_LEN = 4;
