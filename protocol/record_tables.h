/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns a table of records (see messages.def for its words) into descriptors: for each record a function
 * RECORD_FUNCTION(name) that returns its struct record. Not guarded: include it once for each table, in one .c
 * file, after the structs, with RECORD_TABLE, RECORD_STRUCT(name) and RECORD_FUNCTION(name) defined. */
#define REQUIRED_NEED(name) .required = true
#define OPTIONAL_NEED(name) .required = false, .has_offset = offsetof(self, has_##name)
#define RECORD(record_name, record_about)                                                                          \
	const struct record *RECORD_FUNCTION(record_name)(void)                                                     \
	{                                                                                                           \
		typedef struct RECORD_STRUCT(record_name) self;                                                     \
		static const char name_text[] = #record_name, about_text[] = record_about;                          \
		static const struct field fields[] = {
#define UINT(key_, name_, need, privacy, max_, about_)                                                             \
	{ .key = key_, .type = FIELD_UINT, .name = #name_, .about = about_, .max = max_, privacy,                    \
	    .offset = offsetof(self, name_), need##_NEED(name_) },
#define BOOL(key_, name_, need, privacy, about_)                                                                   \
	{ .key = key_, .type = FIELD_BOOL, .name = #name_, .about = about_, privacy,                                 \
	    .offset = offsetof(self, name_), need##_NEED(name_) },
#define BYTES(key_, name_, need, privacy, min_, max_, about_)                                                      \
	{ .key = key_, .type = FIELD_BYTES, .name = #name_, .about = about_, .min = min_, .max = max_, privacy,      \
	    .offset = offsetof(self, name_), need##_NEED(name_) },
#define TEXT(key_, name_, need, privacy, min_, max_, about_)                                                       \
	{ .key = key_, .type = FIELD_TEXT, .name = #name_, .about = about_, .min = min_, .max = max_, privacy,       \
	    .offset = offsetof(self, name_), need##_NEED(name_) },
#define LIST(key_, name_, need, record_, max_, about_)                                                             \
	{ .key = key_, .type = FIELD_LIST, .name = #name_, .about = about_, .max = max_, OPEN,                       \
	    .offset = offsetof(self, name_), .count_offset = offsetof(self, name_##_count),                         \
	    .list_of = RECORD_FUNCTION(record_), need##_NEED(name_) },
#define END(record_name)                                                                                           \
		};                                                                                                  \
		static const struct record record = { name_text, about_text, sizeof(self), fields,                  \
			sizeof fields / sizeof fields[0] };                                                         \
		return &record;                                                                                     \
	}
#define OPEN .is_private = false
#define PRIVATE .is_private = true
#define OPERATION(number, name, request, answer, roles, effect, article, about)
#include RECORD_TABLE
#undef REQUIRED_NEED
#undef OPTIONAL_NEED
#undef RECORD
#undef UINT
#undef BOOL
#undef BYTES
#undef TEXT
#undef LIST
#undef END
#undef OPEN
#undef PRIVATE
#undef OPERATION
#undef REQUEST_ENVELOPE
#undef ANSWER_ENVELOPE
#undef RECORD_TABLE
#undef RECORD_STRUCT
#undef RECORD_FUNCTION
