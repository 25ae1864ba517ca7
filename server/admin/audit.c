/* SPDX-License-Identifier: Apache-2.0
 *
 * placeholder */
#include "server/admin/admin.h"
int
admin_audit(int argc, char **argv)
{
	(void)argc; (void)argv;
	return ADMIN_FAILED;
}
