/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a table of records for its RECORD and OPERATION rows only. Not guarded: include it with RECORD_TABLE,
 * RECORD(name, about) and OPERATION(...) defined; it undefines all of them. */
#define UINT(key, name, need, privacy, max, about)
#define BOOL(key, name, need, privacy, about)
#define BYTES(key, name, need, privacy, min, max, about)
#define TEXT(key, name, need, privacy, min, max, about)
#define LIST(key, name, need, record, max, about)
#define END(name)
#include RECORD_TABLE
#undef RECORD
#undef UINT
#undef BOOL
#undef BYTES
#undef TEXT
#undef LIST
#undef END
#undef OPERATION
#undef REQUEST_ENVELOPE
#undef ANSWER_ENVELOPE
#undef RECORD_TABLE
