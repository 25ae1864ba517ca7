/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: any bytes as a PKCS#10 request. Beyond not crashing: what is accepted is one whole request with a key
 * and a name that can be worked with, and a byte more or less is not accepted. */
#include <openssl/err.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/digest.h"
#include "server/authority.h"
#include "server/profile.h"
#include "tests/fuzz/fuzz.h"

static void
accepted_is_usable(struct slice der, const struct authority_request *request)
{
	struct slice name = slice_of_text(request->common_name);
	uint8_t digest[DIGEST_SIZE], longer[LIMIT_CSR + 1];
	struct authority_request other;
	struct fault fault;

	digest_bytes(der, digest);
	check(memcmp(digest, request->digest, sizeof digest) == 0);
	check(request->key.size == (request->key.algorithm == KEY_RSA3072 ? (size_t)384 : (size_t)65));
	check(name.size == 0 || profile_text_ok(name));
	memcpy(longer, der.data, der.size);
	longer[der.size] = 0;
	check(authority_check_request(slice_of(longer, der.size + 1), &other, &fault) == ERROR_request_invalid);
	check(authority_check_request(slice_of(longer, der.size - 1), &other, &fault) == ERROR_request_invalid);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct authority_request request;
	struct fault fault;
	enum error error = authority_check_request(slice_of(data, size), &request, &fault);

	check(error == ERROR_NONE || error == ERROR_request_invalid || error == ERROR_key_refused);
	check(error == ERROR_NONE || fault.error == error);
	/* A left-over in OpenSSL's queue would be taken for the reason of a later failure. */
	check(ERR_peek_error() == 0);
	if (error == ERROR_NONE)
		accepted_is_usable(slice_of(data, size), &request);
	return 0;
}
