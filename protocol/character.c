/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of ranges, which are short enough to be looked through. */
#include "protocol/character.h"

struct range {
	uint32_t first, last;
};

static const struct range spaces[] = {
	{ 0x0009, 0x000d },
	{ 0x0020, 0x0020 },
	{ 0x0085, 0x0085 },
	{ 0x00a0, 0x00a0 },
	{ 0x1680, 0x1680 },
	{ 0x2000, 0x200a },
	{ 0x2028, 0x2029 },
	{ 0x202f, 0x202f },
	{ 0x205f, 0x205f },
	{ 0x3000, 0x3000 },
};

static const struct range controls[] = {
	{ 0x0000, 0x001f },
	{ 0x007f, 0x009f },
	{ 0x2028, 0x202e },
	{ 0x2066, 0x2069 },
};

static const struct range unseen[] = {
	{ 0x00ad, 0x00ad },
	{ 0x034f, 0x034f },
	{ 0x061c, 0x061c },
	{ 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f },
	{ 0x200b, 0x200f },
	{ 0x2060, 0x206f },
	{ 0x2800, 0x2800 },
	{ 0x3164, 0x3164 },
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },
	{ 0xfff9, 0xfffb },
	{ 0xe0000, 0xe0fff },
};

#define IS_IN(ranges, character) is_in(ranges, sizeof(ranges) / sizeof(ranges)[0], character)

static bool
is_in(const struct range *ranges, size_t count, uint32_t character)
{
	for (size_t i = 0; i < count; i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return false;
}

bool
character_is_space(uint32_t character)
{
	return IS_IN(spaces, character);
}

bool
character_is_control(uint32_t character)
{
	return IS_IN(controls, character);
}

bool
character_is_seen(uint32_t character)
{
	return !character_is_space(character) && !character_is_control(character) && !IS_IN(unseen, character);
}

bool
text_is_word(struct slice text)
{
	uint32_t character;
	bool is_word = text.size != 0;

	for (size_t size = 1; is_word && text.size != 0; text = slice_from(text, size)) {
		size = slice_take_character(text, &character);
		is_word = size != 0 && character_is_seen(character);
	}
	return is_word;
}

bool
text_is_name(struct slice text)
{
	uint32_t character;
	bool is_seen = false;

	for (size_t size; text.size != 0; text = slice_from(text, size)) {
		size = slice_take_character(text, &character);
		if (size == 0 || character_is_control(character))
			return false;
		is_seen = is_seen || character_is_seen(character);
	}
	return is_seen;
}
