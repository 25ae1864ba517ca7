/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits that an office announces. */
#ifndef GUICHET_HELLO_H
#define GUICHET_HELLO_H

#include <guichet/guichet.h>

#include "protocol/bytes.h"
#include "protocol/message.h"

/* Can anything be asked under these limits? ERROR_answer_malformed naming the field, its value and the least that it
 * has to be. Whatever is larger than what is known here is no fault: a newer office may take more. Nor is
 * a limit that an older office does not tell. */
must_check enum guichet_error hello_check(const struct msg_hello_answer *hello, struct guichet_problem *problem);

#endif
