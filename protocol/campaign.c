/* SPDX-License-Identifier: Apache-2.0
 *
 * Campaigns: the JSON file read and written, the zones of the departments. */
#include "protocol/campaign.h"

#include <string.h>

#include "protocol/json.h"
#include "protocol/limits.h"

/* ---- reading ---- */

static enum error
refuse(struct fault *fault, const char *place, struct slice value, const char *expected)
{
	return fault_set(fault, ERROR_json_malformed, place, value, expected);
}

struct day_member {
	const struct json *in;
	const char *name;
	uint64_t *start, *end; /* of that day; the end is the first second after it */
};

static enum error
days_parse(const struct json *root, struct campaign *out, struct fault *fault)
{
	const struct json *deadlines = json_find(root, "deadlines");
	uint64_t not_asked;
	const struct day_member days[] = {
		{ root, "opens", &out->opens_at, &not_asked },
		{ root, "closes", &not_asked, &out->closes_at },
		{ deadlines, "A", &not_asked, &out->deadline_a },
		{ deadlines, "B", &not_asked, &out->deadline_b },
		{ deadlines, "C", &not_asked, &out->deadline_c },
	};
	for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
		struct slice text = json_find_text(days[i].in, days[i].name);
		unsigned year, month, day;
		if (!time_parse_date(text, &year, &month, &day) ||
		    !time_paris_day(year, month, day, days[i].start, days[i].end))
			return refuse(fault, days[i].name, text, "a day, \"2026-05-28\"");
	}
	if (out->opens_at >= out->closes_at)
		return refuse(fault, "closes", json_find_text(root, "closes"), "a day not before \"opens\"");
	return ERROR_NONE;
}

/* Joins the paragraphs of the contract with empty lines between. */
static enum error
contract_parse(const struct json *contract, struct arena *arena, struct campaign *out, struct fault *fault)
{
	const struct json *text = json_find(contract, "text");
	size_t size = 0, used = 0;

	out->contract = json_find_text(contract, "version");
	if (out->contract.size == 0 || out->contract.size > LIMIT_LABEL)
		return refuse(fault, "contract.version", out->contract, "1 to 64 bytes");
	if (text == NULL || text->type != JSON_ARRAY || text->count == 0)
		return refuse(fault, "contract.text", SLICE_EMPTY, "a list of paragraphs");
	for (const struct json *p = text->first; p != NULL; p = p->next) {
		if (p->type != JSON_STRING)
			return refuse(fault, "contract.text", p->text, "a list of paragraphs");
		size += p->text.size + 2;
	}
	uint8_t *joined = arena_alloc(arena, size);
	if (joined == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	for (const struct json *p = text->first; p != NULL; p = p->next) {
		if (used != 0) {
			memcpy(joined + used, "\n\n", 2);
			used += 2;
		}
		if (p->text.size != 0)
			memcpy(joined + used, p->text.data, p->text.size);
		used += p->text.size;
	}
	out->contract_text = slice_of(joined, used);
	return ERROR_NONE;
}

/* Letters, digits and '-': the name stands in manifests. */
static bool
name_is_word(struct slice name)
{
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.data[i], lower = c | 0x20;
		if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return name.size != 0 && name.size <= LIMIT_LABEL;
}

enum error
campaign_parse(struct slice text, struct arena *arena, struct campaign *out, struct fault *fault)
{
	static const char *const members[] = { "type", "name", "income_year", "opens", "closes", "deadlines",
		"contract", NULL };
	const struct json_limits limits = { LIMIT_JSON_FILE, 1000, 4 };
	const struct json *root;
	struct slice unknown;
	enum error error = json_parse(text, &limits, arena, &root, fault);

	*out = (struct campaign){ .income_year = 0 };
	if (error != ERROR_NONE)
		return error;
	if (!slice_equal_text(json_find_text(root, "type"), "guichet-campaign"))
		return refuse(fault, "type", json_find_text(root, "type"), "\"guichet-campaign\"");
	if (!json_has_only(root, members, &unknown))
		return refuse(fault, "campaign", unknown, "known members only");
	out->name = json_find_text(root, "name");
	if (!name_is_word(out->name))
		return refuse(fault, "name", out->name, "1 to 64 letters, digits and '-'");
	if (!json_find_uint(root, "income_year", 9998, &out->income_year) || out->income_year < 1970)
		return refuse(fault, "income_year", SLICE_EMPTY, "a year");
	error = days_parse(root, out, fault);
	if (error != ERROR_NONE)
		return error;
	return contract_parse(json_find(root, "contract"), arena, out, fault);
}

/* ---- the default campaign ---- */

/* After article 6 of the order of 22 March 2002 as the order of 13 October 2005 words it (A6), in our own words. */
static const char contract_version[] = "2005-10-13/1";
static const char *const contract_text[] = {
	"En acceptant la présente convention, vous pouvez transmettre par voie électronique votre déclaration "
	"d'ensemble des revenus et ses déclarations annexes. La signature électronique apposée à l'aide de votre "
	"certificat a la même valeur qu'une signature manuscrite ; sans elle, votre obligation de déclarer n'est "
	"pas remplie.",
	"Vous pouvez aussi consulter pendant quinze jours vos déclarations en cours de saisie, consulter les "
	"déclarations déjà transmises et les autres éléments de votre dossier fiscal mis en ligne. En cas "
	"d'imposition commune, chacun peut recevoir un certificat et utiliser ces services.",
	"La transmission par voie électronique n'est pas ouverte si votre situation de famille a changé (mariage,"
	" pacs, divorce, décès du conjoint) au cours de l'année des revenus à déclarer : déposez alors votre "
	"déclaration sur papier.",
	"Vous déclarez en ligne, en une ou plusieurs fois dans un délai de quinze jours, ou vous préparez votre "
	"déclaration hors connexion avant de la signer. Une première déclaration préparée hors connexion ne peut "
	"être rectifiée que de la même manière. Toute nouvelle déclaration, électronique ou sur papier, est une "
	"déclaration rectificative.",
	"Vous adressez, le cas échéant, votre relevé d'identité bancaire par voie postale à votre centre des "
	"impôts.",
	"Vous indiquez l'identité de chaque organisme bénéficiaire d'un don ouvrant droit à réduction d'impôt. "
	"Cela n'est pas demandé pour les versements à des associations cultuelles ou de bienfaisance et à des "
	"organisations syndicales, ni, jusqu'à 3 000 euros, pour les dons à des associations de financement "
	"électoral des partis et groupements politiques.",
	"Trois dates limites de dépôt sont fixées selon la zone (A, B ou C) de vacances scolaires de votre "
	"département ; les départements d'outre-mer suivent la zone C et la Corse la zone B.",
	"Pour obtenir votre certificat, vous indiquez au caractère près votre nom de naissance, votre numéro "
	"fiscal, votre numéro de télédéclarant, votre revenu fiscal de référence, une adresse électronique et un "
	"mot de passe de votre choix. La clé privée est créée et conservée sur votre poste, protégée par ce mot "
	"de passe. Le certificat, gratuit, vaut trois ans sauf révocation par l'une des parties et ne sert qu'aux"
	" échanges avec les administrations fiscales.",
	"Tous les échanges sont chiffrés. L'administration vérifie que les fichiers ont été correctement reçus et"
	" que la signature est la vôtre, puis délivre sans délai un accusé de réception qui vaut preuve du dépôt "
	"; sinon, elle vous invite à déposer de nouveau, par voie électronique ou sur papier.",
	"Seules les déclarations dont il a été accusé réception sont conservées et servent au calcul de l'impôt. "
	"Ce que vous avez transmis est conservé, chiffré et signé, pendant dix ans à compter de l'année "
	"d'imposition, afin que la signature et le contenu puissent être vérifiés en cas de contestation.",
	"Vous disposez d'un droit d'accès et de rectification sur vos données. Vous pouvez refuser d'être "
	"sollicité pour des enquêtes de qualité, et revenir sur ce choix.",
};

void
campaign_write(struct buf *buf, uint64_t income_year)
{
	unsigned long year = (unsigned long)income_year;

	buf_put_format(buf, "{\n\"type\": \"guichet-campaign\",\n\"name\": \"ir-%lu\",\n\"income_year\": %lu,\n",
	    year, year);
	buf_put_format(buf, "\"opens\": \"%04lu-01-01\",\n\"closes\": \"%04lu-12-31\",\n", year + 1, year + 1);
	buf_put_format(buf,
	    "\"deadlines\": {\"A\": \"%04lu-12-31\", \"B\": \"%04lu-12-31\", \"C\": \"%04lu-12-31\"},\n",
	    year + 1, year + 1, year + 1);
	buf_put_format(buf, "\"contract\": {\n\"version\": \"%s\",\n\"text\": [", contract_version);
	for (size_t i = 0; i < sizeof contract_text / sizeof contract_text[0]; i++) {
		buf_put_text(buf, i == 0 ? "\n" : ",\n");
		json_put_string(buf, slice_of_text(contract_text[i]));
	}
	buf_put_text(buf, "\n]\n}\n}\n");
}

/* ---- zones ---- */

/* Zones of the academies in force since 2016, departments 01 to 95 by number; 20 was parted into 2A and 2B. */
char
campaign_zone(struct slice department)
{
	static const char by_number[] = "-ABABBBABCBCCBBAAABA-ABAAAABBBCCCACBBBAAABAABBCACB"
	                                "BBBBBBBBABBBBAACCBBAAABAACBCCABCCBBBAABAACCCCC";
	static const char *const overseas[] = { "971", "972", "973", "974", "976" };
	unsigned number;

	if (slice_equal_text(department, "2A") || slice_equal_text(department, "2B"))
		return 'B';
	for (size_t i = 0; i < sizeof overseas / sizeof overseas[0]; i++)
		if (slice_equal_text(department, overseas[i]))
			return 'C';
	if (department.size != 2 || department.data[0] < '0' || department.data[0] > '9' || department.data[1] < '0' ||
	    department.data[1] > '9')
		return 0;
	number = (department.data[0] - '0') * 10U + (department.data[1] - '0');
	return number < 96 && by_number[number] != '-' ? by_number[number] : 0;
}
