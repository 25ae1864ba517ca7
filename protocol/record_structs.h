/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns a table of records (see messages.def for its words) into structs. Not guarded: include it once for each
 * table, with RECORD_TABLE naming the file and RECORD_STRUCT(name) the struct.
 *
 * A UINT is uint64_t, a BOOL bool, BYTES and TEXT a borrowed struct slice, a LIST a pointer `name` with
 * `name_count`. An OPTIONAL field has a bool `has_name` before it. */
#define REQUIRED(name)
#define OPTIONAL(name) bool has_##name;
#define RECORD(name, about) struct RECORD_STRUCT(name) {
#define UINT(key, name, need, privacy, max, about) need(name) uint64_t name;
#define BOOL(key, name, need, privacy, about) need(name) bool name;
#define BYTES(key, name, need, privacy, min, max, about) need(name) struct slice name;
#define TEXT(key, name, need, privacy, min, max, about) need(name) struct slice name;
#define LIST(key, name, need, record, max, about)                                                                  \
	need(name) struct RECORD_STRUCT(record) *name;                                                              \
	size_t name##_count;
#define END(name) };
#define OPERATION(number, name, request, answer, roles, effect, article, about)
#include RECORD_TABLE
#undef REQUIRED
#undef OPTIONAL
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
#undef RECORD_STRUCT
