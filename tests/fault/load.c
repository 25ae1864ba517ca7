/* SPDX-License-Identifier: Apache-2.0
 *
 * A load for the tests that kill the server: taxpayers enrol, file and rectify over several connections, as fast as the
 * answers come, and everything that was acknowledged is remembered and written to a journal. It outlives the server:
 * what was not acknowledged is sent again, the same bytes, in the next run. Deterministic from its seed but for the
 * order in which answers come.
 *
 *   load TRUST REGISTER RETURNS ATTACHMENTS JOURNAL SEED
 *
 * RETURNS holds 0001.json, ... for the households in the order of REGISTER; attachments are made in ATTACHMENTS. Then
 * commands on standard input, one a line:
 *
 *   active N                      from now on work on the first N households
 *   lenient                       from now on any refusal means "later": the server lacks memory and may misjudge
 *   run PORT CONNECTIONS WINDOW   until every connection is lost or nothing is left to do, WINDOW requests on each;
 *                                 says "acknowledged N" as answers come, at the end "end N under-way-errors"
 *   verify PORT                   asks for everything again; says "verified ..."
 *
 * Anything that the office promised and did not keep is "wrong ...", and the end. */
#include "tests/fault/load.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 32
/* Beyond the body of one frame, so that it is uploaded in parts; and one that fits. */
#define ATTACHMENT_LARGE ((size_t)1300000)
#define ATTACHMENT_SMALL ((size_t)3000)
/* One in so many has a large attachment, a small one, rectifies; of the requests, repeats what was acknowledged. */
#define LARGE_EVERY 20
#define SMALL_EVERY 7
#define RECTIFIES_EVERY 3
#define REPEAT_EVERY 8

struct line {
	struct load *load;
	struct guichet *guichet;
	size_t under_way;
	bool is_lost;
};

/* One request under way. */
struct errand {
	struct line *line;
	struct person *person;
	struct paper *paper; /* NULL: enrolment */
};

/* ---- what is shared ---- */

void
wrong(const char *format, ...)
{
	va_list list;

	printf("wrong ");
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
	exit(EXIT_FAILURE);
}

void
wrong_problem(const char *what, const struct guichet_problem *problem)
{
	wrong("%s: %s: %s (%s, %s, expected %s)", what, guichet_error_name(guichet_problem_error(problem)),
	    guichet_problem_english(problem), guichet_problem_place(problem), guichet_problem_value(problem),
	    guichet_problem_expected(problem));
}

static void *
need(void *memory)
{
	if (memory == NULL)
		wrong("out of memory");
	return memory;
}

void
kept_set(struct kept *kept, struct guichet_bytes bytes)
{
	kept->data = need(malloc(bytes.size + 1));
	memcpy(kept->data, bytes.data, bytes.size);
	kept->size = bytes.size;
}

struct guichet_bytes
kept_bytes(const struct kept *kept)
{
	return (struct guichet_bytes){ kept->data, kept->size };
}

bool
kept_equal(const struct kept *kept, struct guichet_bytes bytes)
{
	return kept->size == bytes.size && memcmp(kept->data, bytes.data, bytes.size) == 0;
}

/* xorshift64*: the same everywhere from the same seed. */
static uint64_t
draw(struct load *load)
{
	load->draw ^= load->draw >> 12;
	load->draw ^= load->draw << 25;
	load->draw ^= load->draw >> 27;
	return load->draw * UINT64_C(2685821657736338717);
}

/* ---- preparation ---- */

static void
put_hex(FILE *file, struct guichet_bytes bytes)
{
	fputc(' ', file);
	for (size_t i = 0; i < bytes.size; i++)
		fprintf(file, "%02x", bytes.data[i]);
}

static char *
make_attachment(struct load *load, const char *directory, size_t nth, size_t size)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%04zu.pdf", directory, nth + 1);
	FILE *file = need(fopen(path, "wb"));
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = draw(load);
		if (fwrite(&word, sizeof word, 1, file) != 1)
			wrong("%s cannot be written", path);
	}
	if (fclose(file) != 0)
		wrong("%s cannot be written", path);
	return need(strdup(path));
}

static void
person_prepare(struct load *load, struct person *person, size_t nth, const char *returns, const char *attachments)
{
	char path[512];

	person->load = load;
	snprintf(path, sizeof path, "%s/%04zu.json", returns, nth + 1);
	if (guichet_file_read(path, (size_t)1 << 20, &person->content, load->problem) != GUICHET_ERROR_none ||
	    guichet_identity_generate("p256", &person->identity, load->problem) != GUICHET_ERROR_none)
		wrong_problem("preparing", load->problem);
	if (nth % LARGE_EVERY == LARGE_EVERY / 2)
		person->attachment = make_attachment(load, attachments, nth, ATTACHMENT_LARGE);
	else if (nth % SMALL_EVERY == 0)
		person->attachment = make_attachment(load, attachments, nth, ATTACHMENT_SMALL);
	person->rectifies = nth % RECTIFIES_EVERY == 0;
}

/* The first person of each household. spi,birth_name,first_names,filer_number,reference_income,department,household,...
 * The generated register quotes nothing. */
static void
people_read(struct load *load, const char *path, const char *returns, const char *attachments)
{
	enum { SPI, BIRTH_NAME, FIRST_NAMES, FILER_NUMBER, REFERENCE_INCOME, DEPARTMENT, HOUSEHOLD, COLUMNS };
	char text[1024], household[64] = "", *columns[COLUMNS];
	FILE *file = need(fopen(path, "r"));
	size_t alloc = 0;

	if (fgets(text, sizeof text, file) == NULL)
		wrong("%s is empty", path);
	while (fgets(text, sizeof text, file) != NULL) {
		char *rest = text;
		for (int i = 0; i < COLUMNS; i++)
			columns[i] = need(strsep(&rest, ","));
		if (strcmp(columns[HOUSEHOLD], household) == 0)
			continue;
		snprintf(household, sizeof household, "%s", columns[HOUSEHOLD]);
		if (load->count == alloc) {
			alloc = alloc == 0 ? 256 : 2 * alloc;
			load->people = need(realloc(load->people, alloc * sizeof *load->people));
		}
		struct person *person = &load->people[load->count];
		*person = (struct person){
			.spi = need(strdup(columns[SPI])),
			.birth_name = need(strdup(columns[BIRTH_NAME])),
			.filer_number = need(strdup(columns[FILER_NUMBER])),
			.reference_income = need(strdup(columns[REFERENCE_INCOME])),
		};
		person_prepare(load, person, load->count++, returns, attachments);
	}
	fclose(file);
	load->active = load->count;
}

/* Signed once; sent from then on as often as it takes. */
static void
paper_sign(struct person *person, size_t nth)
{
	struct load *load = person->load;
	struct paper *paper = &person->papers[nth];
	enum guichet_error error = guichet_filing_create(load->trust, person->spi, &paper->filing, load->problem);

	if (error == GUICHET_ERROR_none && nth == PAPER_RECTIFYING) {
		char number[32] = "";
		const char *at = strstr((const char *)person->papers[PAPER_FIRST].receipt.data, "\"number\":\"");
		if (at == NULL || sscanf(at, "\"number\":\"%31[0-9A-Z-]", number) != 1)
			wrong("a receipt without a number");
		error = guichet_filing_set_replaces(paper->filing, number, load->problem);
	}
	if (error == GUICHET_ERROR_none)
		error = guichet_filing_add_return(paper->filing, guichet_blob_bytes(person->content), load->problem);
	if (error == GUICHET_ERROR_none && person->attachment != NULL)
		error = guichet_filing_add_attachment(paper->filing, person->attachment, "justificatif", NULL,
		    load->problem);
	if (error == GUICHET_ERROR_none)
		error = guichet_filing_sign(paper->filing, person->identity, 0, load->problem);
	if (error != GUICHET_ERROR_none)
		wrong_problem("signing", load->problem);
}

/* ---- what was answered ---- */

static void
enrolled(struct load *load, struct person *person)
{
	struct guichet_bytes certificate = guichet_identity_certificate(person->identity);

	person->is_enrolled = true;
	fprintf(load->journal, "certificate %s", person->spi);
	put_hex(load->journal, certificate);
	fputc('\n', load->journal);
	load->acknowledged++;
}

static void
filed(struct load *load, struct paper *paper, struct guichet_record answer)
{
	struct guichet_bytes receipt = guichet_record_bytes(answer, "receipt");
	struct guichet_bytes proof = guichet_record_bytes(answer, "proof");

	if (paper->receipt.data != NULL) {
		if (!kept_equal(&paper->receipt, receipt) || !kept_equal(&paper->proof, proof))
			wrong("a filing sent again got another receipt or proof");
		load->repeated++;
		return;
	}
	kept_set(&paper->receipt, receipt);
	paper->receipt.data[receipt.size] = '\0';
	kept_set(&paper->proof, proof);
	fprintf(load->journal, "receipt");
	put_hex(load->journal, guichet_filing_id(paper->filing));
	put_hex(load->journal, receipt);
	put_hex(load->journal, proof);
	fputc('\n', load->journal);
	load->acknowledged++;
}

static bool
is_loss(enum guichet_error error)
{
	return error == GUICHET_ERROR_unreachable || error == GUICHET_ERROR_server_stopping ||
	    error == GUICHET_ERROR_tls_failed;
}

/* Refusals that say "later" are counted; any other is wrong, as everything here is in order, unless the server is known
 * to be short of memory. */
static void
errand_done(void *context, struct guichet_request *request)
{
	struct errand *errand = context;
	struct line *line = errand->line;
	struct load *load = line->load;
	enum guichet_error error = guichet_request_error(request);

	if (error == GUICHET_ERROR_none && errand->paper != NULL)
		filed(load, errand->paper, guichet_request_answer(request));
	else if (error == GUICHET_ERROR_none)
		enrolled(load, errand->person);
	else if (is_loss(error))
		line->is_lost = true;
	else if (guichet_error_retry(error) == GUICHET_RETRY_later || load->is_lenient)
		load->refused[error < REFUSALS ? error : 0]++;
	else
		wrong_problem(errand->paper != NULL ? "file" : "enrol", guichet_request_problem(request));
	errand->person->is_under_way = false;
	line->under_way--;
	guichet_request_destroy(request);
	free(errand);
}

/* ---- what to do next ---- */

/* The paper to be filed next; NULL: enrol first, or, with *is_done, nothing is left. */
static struct paper *
person_next(struct person *person, bool *is_done)
{
	size_t papers = person->rectifies ? 2 : 1;

	*is_done = false;
	if (!person->is_enrolled)
		return NULL;
	for (size_t i = 0; i < papers; i++) {
		if (person->papers[i].receipt.data != NULL)
			continue;
		if (person->papers[i].filing == NULL)
			paper_sign(person, i);
		return &person->papers[i];
	}
	*is_done = true;
	return NULL;
}

/* The next person with something to do, from a place that moves on; now and then somebody whose first filing has its
 * receipt, to file it again. NULL when there is nothing at the moment. */
static struct person *
choose(struct load *load, struct paper **paper)
{
	bool repeats = draw(load) % REPEAT_EVERY == 0, is_done;

	if (repeats) {
		struct person *person = &load->people[draw(load) % load->active];
		*paper = &person->papers[PAPER_FIRST];
		if (!person->is_under_way && (*paper)->receipt.data != NULL)
			return person;
	}
	for (size_t i = load->first_open; i < load->active; i++) {
		struct person *person = &load->people[i];
		if (person->is_under_way)
			continue;
		*paper = person_next(person, &is_done);
		if (!is_done)
			return person;
		if (i == load->first_open)
			load->first_open++;
	}
	return NULL;
}

/* False when there was nothing to start. */
static bool
line_start_one(struct line *line)
{
	struct load *load = line->load;
	struct guichet_request *request;
	struct paper *paper = NULL;
	struct person *person = choose(load, &paper);
	enum guichet_error error;

	if (person == NULL)
		return false;
	const struct guichet_facts facts = { person->spi, person->birth_name, person->filer_number,
		person->reference_income, "quelqu-un@example.fr", true, { NULL } };
	if (paper != NULL)
		error = guichet_file_create(line->guichet, paper->filing, &request, load->problem);
	else
		error = guichet_enrol_create(line->guichet, person->identity, &facts, &request, load->problem);
	if (error != GUICHET_ERROR_none)
		wrong_problem("making a request", load->problem);
	struct errand *errand = need(malloc(sizeof *errand));
	*errand = (struct errand){ line, person, paper };
	person->is_under_way = true;
	line->under_way++;
	guichet_request_set_on_done(request, errand_done, errand);
	guichet_request_start(request);
	return true;
}

/* ---- a run ---- */

static struct guichet *
connect_to(struct load *load, const char *address)
{
	struct guichet *guichet;

	if (guichet_create(load->trust, address, &guichet, load->problem) != GUICHET_ERROR_none)
		wrong_problem("connecting", load->problem);
	/* Coming back is this program's business: the server will be elsewhere. */
	guichet_set_attempts(guichet, 1);
	return guichet;
}

/* What the log is now, to be compared with what it will be. */
static void
checkpoint_keep(struct load *load, const char *address)
{
	struct guichet *guichet = connect_to(load, address);
	struct guichet_request *request;

	if (guichet_request_create(guichet, "log_checkpoint", &request, load->problem) != GUICHET_ERROR_none)
		wrong_problem("log_checkpoint", load->problem);
	if (guichet_request_wait(request) == GUICHET_ERROR_none) {
		load->checkpoints = need(realloc(load->checkpoints,
		    (load->checkpoints_count + 1) * sizeof *load->checkpoints));
		kept_set(&load->checkpoints[load->checkpoints_count++],
		    guichet_record_bytes(guichet_request_answer(request), "checkpoint"));
	}
	guichet_request_destroy(request);
	guichet_destroy(guichet);
}

/* May this line be given work? A server that says "later" to everything is left alone. */
static bool
line_takes(const struct line *line)
{
	const struct load *load = line->load;

	return !line->is_lost && load->refused[GUICHET_ERROR_disk_full] == 0 && load->first_open < load->active;
}

/* Waits for any of the lines; false when there is nothing to wait for and nothing left to do. */
static bool
lines_wait(struct line *lines, size_t count)
{
	struct pollfd fds[CONNECTIONS_MAX];
	int due_ms = -1;
	nfds_t waiting = 0;
	bool can_go_on = false;

	for (size_t i = 0; i < count; i++) {
		can_go_on |= line_takes(&lines[i]);
		if (lines[i].under_way == 0)
			continue;
		int due = guichet_due_ms(lines[i].guichet);
		if (due >= 0 && (due_ms < 0 || due < due_ms))
			due_ms = due;
		unsigned events = guichet_events(lines[i].guichet);
		int wanted = (events & GUICHET_READ ? POLLIN : 0) | (events & GUICHET_WRITE ? POLLOUT : 0);
		fds[waiting++] = (struct pollfd){ .fd = guichet_fd(lines[i].guichet), .events = (short)wanted };
	}
	if (waiting == 0)
		return can_go_on;
	(void)poll(fds, waiting, due_ms);
	return true;
}

static void
run(struct load *load, const char *address, size_t connections, size_t window)
{
	struct line lines[CONNECTIONS_MAX];
	size_t told = load->acknowledged;

	memset(load->refused, 0, sizeof load->refused);
	checkpoint_keep(load, address);
	for (size_t i = 0; i < connections; i++)
		lines[i] = (struct line){ load, connect_to(load, address), 0, false };
	do {
		for (size_t i = 0; i < connections; i++) {
			while (line_takes(&lines[i]) && lines[i].under_way < window && line_start_one(&lines[i]))
				;
			guichet_step(lines[i].guichet);
		}
		if (load->acknowledged != told)
			printf("acknowledged %zu\n", told = load->acknowledged);
	} while (lines_wait(lines, connections));
	for (size_t i = 0; i < connections; i++)
		guichet_destroy(lines[i].guichet);
	fflush(load->journal);
	printf("end %zu disk_full %zu busy %zu\n", load->acknowledged, load->refused[GUICHET_ERROR_disk_full],
	    load->refused[GUICHET_ERROR_busy]);
}

int
main(int argc, char **argv)
{
	char command[64], address[32];
	unsigned a, b, port;
	struct guichet_trust *trust;
	struct load load = { .problem = guichet_problem_create() };

	if (argc != 7)
		wrong("usage: load TRUST REGISTER RETURNS ATTACHMENTS JOURNAL SEED");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (guichet_trust_load(argv[1], &trust, load.problem) != GUICHET_ERROR_none)
		wrong_problem("trust", load.problem);
	load.trust = trust;
	load.journal = need(fopen(argv[5], "w"));
	load.draw = strtoull(argv[6], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	people_read(&load, argv[2], argv[3], argv[4]);
	printf("ready %zu\n", load.count);
	while (fgets(command, sizeof command, stdin) != NULL) {
		if (sscanf(command, "active %u", &a) == 1 && a <= load.count) {
			load.active = a;
		} else if (strcmp(command, "lenient\n") == 0) {
			load.is_lenient = true;
		} else if (sscanf(command, "run %u %u %u", &port, &a, &b) == 3 && a <= CONNECTIONS_MAX) {
			snprintf(address, sizeof address, "127.0.0.1:%u", port);
			run(&load, address, a, b);
		} else if (sscanf(command, "verify %u", &port) == 1) {
			snprintf(address, sizeof address, "127.0.0.1:%u", port);
			verify_all(&load, address);
		} else {
			wrong("command: %s", command);
		}
	}
	return EXIT_SUCCESS;
}
