/* SPDX-License-Identifier: Apache-2.0
 *
 * check(condition): what must hold unless we are wrong. Compiled in always; says where and ends the
 * process. Never for what a peer or the world can cause. */
#ifndef GUICHET_CHECK_H
#define GUICHET_CHECK_H

#define check(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
